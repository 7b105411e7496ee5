"""The direct transport to a database: no daemon, the kernel's routines over a pool.

Concurrent commits are batched (`db.group_commit`). The stream side starts with the first
subscription and stops with the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.pq import TransactionStatus

from ablo_pg.changefeed.filters import Filter, Filters
from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.client.claims.sidecar import Beside
from ablo_pg.client.direct.connector import DirectConnector
from ablo_pg.client.direct.sessions import DirectSessions
from ablo_pg.client.gate import ActiveSchema
from ablo_pg.client.live.stream import StreamSource
from ablo_pg.client.local.bootstrap import Bootstrap, direct_bootstrap
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.client.session_values import SessionKey, SessionRequest
from ablo_pg.client.transport import DeltaStream, Joinable
from ablo_pg.db import calls, registry, routines
from ablo_pg.db.errors import translate
from ablo_pg.db.group_commit import GroupCommit
from ablo_pg.db.pool import Database
from ablo_pg.db.routines import BatchItem
from ablo_pg.errors import error_for
from ablo_pg.schema import parse_schema_json
from ablo_pg.wire.committed import Committed, Receipt, committed_of, receipt_of
from ablo_pg.wire.kernel_bodies import Body, Caller
from ablo_pg.wire.kernel_calls import KernelCall

B = TypeVar("B", bound=Body)
R = TypeVar("R")
_VERSIONS: Final = 20  # pushed schemas among which a client looks for its own


class DirectTransport:
    """A `Transport` over a database URL, for one organization and participant."""

    def __init__(
        self,
        database: Database,
        organization: str,
        participant: str,
        source: StreamSource,
        on_behalf_of: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._database = database
        self._organization = organization
        self._participant = participant
        self._on_behalf_of = on_behalf_of
        self._commits = GroupCommit(database, organization)
        self._source = source
        self._caller = Caller(organization, participant, on_behalf_of)
        self._claims = Beside(DirectConnector(database.url), database.names)
        self._sessions = DirectSessions(database, organization, api_key)

    @property
    def organization(self) -> str:
        """The organization that all calls are for."""
        return self._organization

    @property
    def participant(self) -> str:
        """The participant, as `kind:id`."""
        return self._participant

    @property
    def on_behalf_of(self) -> str | None:
        """On whose behalf, as `kind:id`."""
        return self._on_behalf_of

    @property
    def reader_status(self) -> ReaderStatus:
        """How changes arrive, and why."""
        return self._source.status

    @property
    def claims(self) -> Beside:
        """What renews claims and presences, and wakes those that wait."""
        return self._claims

    async def open(self) -> None:
        """Connect and check the login."""
        await self._database.open()

    async def close(self) -> None:
        """End every stream, and every connection."""
        await self._source.close()
        await self._claims.close()
        await self._database.close()

    async def ask(self, call: KernelCall[B, R], body: B) -> R:
        """Make a call of the table; again where that is safe and the connection broke."""
        run = self._database.read if call.retryable else self._database.run
        answer = await run(calls.ask, call, self._caller, body)
        return call.result(answer, self._database.names)

    async def active_schema(self) -> ActiveSchema | None:
        """Return the database's schema, or None if none was applied."""
        return await active_schema(self._database, 0, "")

    async def past_schemas(self) -> frozenset[str]:
        """Return the hashes of the newest pushed versions, including the active one."""
        found = await self._database.read(registry.schema_history, None, _VERSIONS)
        return frozenset(one["hash"] for one in msgspec.json.decode(found))

    async def commit(self, request: CommitRequest) -> Committed:
        """Apply a commit once, together with others that are on their way."""
        body = msgspec.Raw(request.body)
        item = BatchItem(self._participant, request.key, body, self._on_behalf_of)
        return committed_of(await self._commits.submit(item), self._database.names)

    async def join(self, request: CommitRequest, connection: Joinable) -> Receipt:
        """Apply a commit inside the caller's open transaction; it commits or rolls back with it."""
        check_joinable(connection)
        arguments = self._arguments(request)
        try:
            if isinstance(connection, Connection):
                body = await asyncio.to_thread(
                    routines.commit_join_blocking, connection, *arguments
                )
            else:
                body = await routines.commit_join(connection, *arguments)
        except psycopg.Error as exc:
            raise translate(exc, self._database.names) from exc
        return receipt_of(body, self._database.names)

    def join_blocking(self, request: CommitRequest, connection: Joinable) -> Receipt:
        """As `join`, on the calling thread, for a blocking connection."""
        check_joinable(connection)
        if isinstance(connection, AsyncConnection):
            raise error_for(
                "invalid_options",
                "An AsyncConnection belongs to an event loop",
                field="connection",
                remedy="use AsyncAblo, or pass a psycopg.Connection",
            )
        try:
            body = routines.commit_join_blocking(connection, *self._arguments(request))
        except psycopg.Error as exc:
            raise translate(exc, self._database.names) from exc
        return receipt_of(body, self._database.names)

    async def session_create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""
        return await self._sessions.create(request)

    async def session_revoke(self, session_id: str) -> None:
        """End a session, and every key minted from it."""
        await self._sessions.revoke(session_id)

    async def bootstrap(self, models: Sequence[str]) -> Bootstrap:
        """Read all rows of these models in one snapshot, and where to follow from."""
        return await direct_bootstrap(self._database, self._caller, models)

    def _arguments(self, request: CommitRequest) -> tuple[str, str, str, bytes, str | None]:
        """The commit as the routines take it."""
        identity = (self._organization, self._participant)
        return *identity, request.key, request.body, self._on_behalf_of

    @property
    def filters(self) -> Filters:
        """The filters of its subscriptions."""
        return self._source.filters

    async def subscribe(
        self,
        models: frozenset[str] | None,
        groups: frozenset[str] | None,
        cursor: int | None,
        filter: Filter | None = None,
    ) -> DeltaStream:
        """Begin a stream over the process's own reader and hub."""
        await self.open()
        return await self._source.subscribe(
            self._organization, models, groups, cursor, self._participant, filter
        )


async def active_schema(database: Database, version: int, known: str) -> ActiveSchema | None:
    """Read the database's schema; None if it is the known one, or missing."""
    found = await database.read(registry.schema_active, version, known)
    if found is None:
        return None
    told = msgspec.json.decode(found)
    spec = parse_schema_json(told["schema"])
    return ActiveSchema(told["version"], told["hash"], spec, tuple(told.get("closed", ())))


def check_joinable(connection: object) -> None:
    """Refuse anything but a psycopg connection with a transaction that the commit can join."""
    if not isinstance(connection, Connection | AsyncConnection):
        raise error_for(
            "invalid_options",
            f"connection is a {type(connection).__name__}, not a psycopg connection",
            field="connection",
            remedy="pass a psycopg.Connection or psycopg.AsyncConnection",
        )
    status = connection.info.transaction_status
    if connection.autocommit and status == TransactionStatus.IDLE:
        raise error_for(
            "invalid_options",
            "The connection is in autocommit mode and has no open transaction to join",
            field="connection",
            remedy="open one: `with connection.transaction():`",
        )
