"""Where a client's data is, a database or a relay, from the caller's arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from ablo_pg.changefeed.auto import AutoReader
from ablo_pg.client.direct.transport import DirectTransport, active_schema
from ablo_pg.client.environment import (
    api_key_of,
    base_url_of,
    database_url_of,
    replication_url_of,
)
from ablo_pg.client.live.background import Background
from ablo_pg.client.live.stream import StreamSource
from ablo_pg.client.names import Tenant, error_names
from ablo_pg.client.rows.requests import organization_of, participant_of
from ablo_pg.client.transport import Transport
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.urls import url_parameters
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.author import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The arguments of a constructor; see `AsyncAblo`."""

    database_url: str | None = field(repr=False)
    base_url: str | None
    api_key: str | None = field(repr=False)
    organization: str | None
    participant: str | None
    on_behalf_of: str | None
    replication_url: str | None = field(repr=False)
    pool_min_size: int
    pool_max_size: int

    def transport(self, schema: Schema, tenant: Tenant, background: Background) -> Transport:
        """Return the transport. Raises invalid_options if the arguments name no place, or two."""
        base_url = base_url_of(self.base_url, self.api_key, self.database_url)
        if base_url is None:
            return self._direct(schema, tenant, background)
        if self.database_url is not None:
            raise _both("database_url", "base_url")
        return self._remote(base_url, schema, tenant, background)

    def _direct(self, schema: Schema, tenant: Tenant, background: Background) -> DirectTransport:
        database_url = database_url_of(self.database_url)
        replication_url = replication_url_of(self.replication_url)
        url_parameters(database_url, "database_url")
        if replication_url is not None:
            url_parameters(replication_url, "replication_url")
        database = Database(
            database_url,
            PoolOptions(min_size=self.pool_min_size, max_size=self.pool_max_size),
            error_names(schema.spec),
        )
        tenant.organization = organization_of(self.organization)
        log, reader = PostgresLog(database), AutoReader(database_url, replication_url)
        return DirectTransport(
            database,
            tenant.organization,
            participant_of(self.participant),
            StreamSource(log, reader, background, partial(active_schema, database)),
            _on_behalf_of(self.on_behalf_of),
            self.api_key,
        )

    def _remote(
        self, base_url: str, schema: Schema, tenant: Tenant, background: Background
    ) -> Transport:
        # Half of the import time of ablo_pg: only needed for a relay.
        from ablo_pg.client.remote.http import RelayHttp, relay_address
        from ablo_pg.client.remote.log import RemoteLog
        from ablo_pg.client.remote.stream import RelayReader
        from ablo_pg.client.remote.transport import Expected, RemoteTransport

        if self.replication_url is not None:
            raise _both("replication_url", "base_url")
        if self.on_behalf_of is not None:
            raise error_for(
                "invalid_options",
                "on_behalf_of cannot be combined with base_url: the key determines who acts",
                field="on_behalf_of",
                remedy="mint a key for that participant: ablo.sessions.create(...)",
            )
        address = relay_address(base_url, api_key_of(self.api_key))
        http = RelayHttp(address, error_names(schema.spec), self.pool_max_size)
        organization = self.organization and organization_of(self.organization)
        participant = self.participant and participant_of(self.participant)
        return RemoteTransport(
            http,
            tenant,
            StreamSource(RemoteLog(http), RelayReader(http), background),
            Expected(organization or None, participant or None),
        )


def _on_behalf_of(given: str | None) -> str | None:
    return None if given is None else participant_of(given, "on_behalf_of")


def _both(one: str, other: str) -> AbloError:
    return error_for(
        "invalid_options",
        f"{one} and {other} were both given",
        field=one,
        remedy="pass database_url for a database, or base_url and api_key for a relay",
    )
