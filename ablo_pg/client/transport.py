"""The interface between a client and its data: a database (`direct`) or a relay (`remote`).

A transport is bound to one organization and one participant. Models travel by typename, rows as the
JSON bytes that Postgres made, stamps and cursors as sync ids. Calls only raise errors of
`ablo_pg.errors`; callers set deadlines (`deadlines.within`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, Self, TypeAlias, TypeVar

from psycopg import AsyncConnection, Connection

from ablo_pg.changefeed.filters import Filter, Filters
from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.client.claims.sidecar import Beside
from ablo_pg.client.gate import ActiveSchema
from ablo_pg.client.local.bootstrap import Bootstrap
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.client.session_values import SessionKey, SessionRequest
from ablo_pg.delta import Delta
from ablo_pg.wire.committed import Committed, Receipt
from ablo_pg.wire.kernel_bodies import Body
from ablo_pg.wire.kernel_calls import KernelCall

B = TypeVar("B", bound=Body)
R = TypeVar("R")
Joinable: TypeAlias = Connection[object] | AsyncConnection[object]  # the caller's own


class DeltaStream(Protocol):
    """Committed deltas in order, from a cursor on, without gap or repeat across reconnects."""

    @property
    def cursor(self) -> int:
        """The sync id of the last delta returned, or the stream's start."""

    @property
    def whole(self) -> bool:
        """Whether what was returned ends with a commit; see `changefeed.Subscription`."""

    def __aiter__(self) -> AsyncIterator[Delta]: ...

    async def __anext__(self) -> Delta: ...

    async def batch(self, limit: int = 1000) -> list[Delta]:
        """Take what is available, at least one delta and at most `limit`."""

    async def aclose(self) -> None:
        """End the stream."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


class Transport(Protocol):
    """What a client needs from the other side."""

    @property
    def organization(self) -> str:
        """The organization that all calls are for."""

    @property
    def participant(self) -> str:
        """The participant, as `kind:id`."""

    @property
    def on_behalf_of(self) -> str | None:
        """On whose behalf, as `kind:id`; None for the participant itself."""

    @property
    def reader_status(self) -> ReaderStatus:
        """How changes arrive, and why."""

    @property
    def claims(self) -> Beside:
        """What renews claims and presences, and wakes those that wait."""

    async def open(self) -> None:
        """Connect and check the login. Idempotent."""

    async def close(self) -> None:
        """End every connection and stream."""

    async def ask(self, call: KernelCall[B, R], body: B) -> R:
        """Make a call of the table; again where that is safe and the connection broke."""

    async def active_schema(self) -> ActiveSchema | None:
        """Return the database's schema, or None if none was applied."""

    async def past_schemas(self) -> frozenset[str]:
        """Return the hashes of the newest pushed versions, including the active one."""

    async def commit(self, request: CommitRequest) -> Committed:
        """Apply a commit once, however often it has to be sent."""

    async def join(self, request: CommitRequest, connection: Joinable) -> Receipt:
        """Apply a commit inside the caller's open transaction on its own connection."""

    def join_blocking(self, request: CommitRequest, connection: Joinable) -> Receipt:
        """As `join`, on the calling thread, for a blocking connection."""

    async def session_create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""

    async def session_revoke(self, session_id: str) -> None:
        """End a session, and every key minted from it."""

    async def bootstrap(self, models: Sequence[str]) -> Bootstrap:
        """Read all rows of these models, and the position to follow from."""

    @property
    def filters(self) -> Filters:
        """The filters of its subscriptions."""

    async def subscribe(
        self,
        models: frozenset[str] | None,
        groups: frozenset[str] | None,
        cursor: int | None,
        filter: Filter | None = None,
    ) -> DeltaStream:
        """Begin a stream; from now when `cursor` is None. None for models or groups means all."""
