"""The transport over a relay: HTTP for calls, a live socket for changes.

The key determines a client's organization and participant; it is looked up once, before the first
call. Bodies and answers are the kernel's own JSON, so a row, a receipt or a page is the same value
over either transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

import msgspec
import orjson

from ablo_pg.changefeed.filters import Filter, Filters
from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.client.claims.sidecar import Beside
from ablo_pg.client.gate import ActiveSchema
from ablo_pg.client.live.stream import StreamSource
from ablo_pg.client.local.bootstrap import Bootstrap, remote_bootstrap
from ablo_pg.client.names import Tenant
from ablo_pg.client.remote.connector import RemoteConnector
from ablo_pg.client.remote.http import RelayHttp
from ablo_pg.client.remote.sessions import RemoteSessions
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.client.session_values import SessionKey, SessionRequest
from ablo_pg.client.transport import DeltaStream
from ablo_pg.errors import error_for
from ablo_pg.schema import parse_schema_json
from ablo_pg.wire.committed import Committed, Receipt, committed_of
from ablo_pg.wire.kernel_bodies import Body
from ablo_pg.wire.kernel_calls import KernelCall

B = TypeVar("B", bound=Body)
R = TypeVar("R")


class _Identity(msgspec.Struct, frozen=True, rename="camel"):
    participant_kind: str
    participant_id: str
    organization_id: str


_IDENTITY: Final = msgspec.json.Decoder(_Identity)


@dataclass(frozen=True, slots=True)
class Expected:
    """The organization and participant that the caller expects; None if it named none."""

    organization: str | None = None
    participant: str | None = None

    def check(self, organization: str, participant: str) -> None:
        """Refuse a key that belongs to others. Raises organization_mismatch, forbidden."""
        if self.organization not in (None, organization):
            raise error_for(
                "organization_mismatch",
                f"The API key does not belong to organization {self.organization!r}",
                field="organization",
                remedy="leave organization out: the key determines it; or pass a key of that one",
            )
        if self.participant not in (None, participant):
            raise error_for(
                "forbidden",
                f"The API key acts as {participant}, not as {self.participant}",
                field="participant",
                remedy="leave participant out: the key determines it; or mint a key for that one",
            )


class RemoteTransport:
    """A `Transport` over a relay's URL."""

    def __init__(
        self, http: RelayHttp, tenant: Tenant, source: StreamSource, expected: Expected
    ) -> None:
        self._http = http
        self._tenant = tenant
        self._source = source
        self._expected = expected
        self._participant = ""
        self._opening = asyncio.Lock()
        self._claims = Beside(RemoteConnector(http.address), http.names)
        self._sessions = RemoteSessions(http)

    @property
    def organization(self) -> str:
        """The organization of the key; '' before the first call."""
        return self._tenant.organization

    @property
    def participant(self) -> str:
        """The participant, as `kind:id`; '' before the first call."""
        return self._participant

    @property
    def on_behalf_of(self) -> str | None:
        """None: a key acts only for its own participant."""
        return None

    @property
    def reader_status(self) -> ReaderStatus:
        """How changes arrive, and why."""
        return self._source.status

    @property
    def claims(self) -> Beside:
        """What renews claims and presences, and wakes those that wait."""
        return self._claims

    async def open(self) -> None:
        """Look up the key's identity. Idempotent."""
        if self._participant:
            return
        async with self._opening:
            if not self._participant:
                found = _IDENTITY.decode(await self._http.request("GET", "/api/auth/identity"))
                participant = f"{found.participant_kind}:{found.participant_id}"
                self._expected.check(found.organization_id, participant)
                self._tenant.organization = found.organization_id
                self._participant = participant

    async def close(self) -> None:
        """End every stream, and every connection."""
        await self._source.close()
        await self._claims.close()
        await self._http.aclose()

    async def ask(self, call: KernelCall[B, R], body: B) -> R:
        """Make a call of the table; again where that is safe and the connection broke."""
        await self.open()
        return await self._http.ask(call, body)

    async def active_schema(self) -> ActiveSchema | None:
        """Return the relay's schema, or None if none was applied."""
        await self.open()
        told = orjson.loads(await self._http.request("GET", "/api/schema"))
        if not told.get("active"):
            return None
        models = {model["key"]: _model_of(model) for model in told["models"]}
        return ActiveSchema(
            told["version"], told["hash"], parse_schema_json({"v": 3, "models": models})
        )

    async def past_schemas(self) -> frozenset[str]:
        """Return the hashes of the newest pushed versions, including the active one."""
        told = orjson.loads(await self._http.request("GET", "/api/schema/versions"))
        return frozenset(one["hash"] for one in told["versions"])

    async def commit(self, request: CommitRequest) -> Committed:
        """Apply a commit once, however often it has to be sent."""
        await self.open()
        key = orjson.dumps(request.key)
        body = request.body.rstrip()[:-1] + b',"idempotencyKey":' + key + b"}"
        answer = await self._http.request("POST", "/api/v1/commits", body)
        return committed_of(answer, self._http.names)

    async def join(self, request: CommitRequest, connection: object) -> Receipt:
        """Refuse: a relay cannot join the caller's transaction. Raises invalid_options."""
        _cannot_join()

    def join_blocking(self, request: CommitRequest, connection: object) -> Receipt:
        """See `join`."""
        _cannot_join()

    async def session_create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""
        await self.open()
        return await self._sessions.create(request)

    async def session_revoke(self, session_id: str) -> None:
        """End a session, and every key minted from it."""
        await self.open()
        await self._sessions.revoke(session_id)

    async def bootstrap(self, models: Sequence[str]) -> Bootstrap:
        """Read all rows of these models, and the position to follow from."""
        await self.open()
        return await remote_bootstrap(self._http, models)

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
        """Begin a stream; all of a client share one socket."""
        await self.open()
        return await self._source.subscribe(
            self.organization, models, groups, cursor, filter=filter
        )


def _model_of(told: dict[str, object]) -> dict[str, object]:
    """Return a relay's description of a model as one of a pushed schema: its name and fields."""
    return {"typename": told["typename"], "tableName": told["key"], "fields": told["fields"]}


def _cannot_join() -> NoReturn:
    raise error_for(
        "invalid_options",
        "A commit over a relay cannot join your own transaction",
        field="connection",
        remedy="use a client on the database (database_url=), or leave connection out",
    )
