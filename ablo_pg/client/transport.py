"""The interface between a client and its data: a database (`direct`) or a relay (`remote`).

A transport is bound to one organization and one participant. Models travel by typename, rows as the
JSON bytes that Postgres made, stamps and cursors as sync ids. Calls only raise errors of
`ablo_pg.errors`; callers set deadlines (`deadlines.within`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol, Self

from ablo_pg.changefeed.status import ReaderStatus
from ablo_pg.client.claims.transport import ClaimTransport
from ablo_pg.client.gate import ActiveSchema
from ablo_pg.client.local.bootstrap import Bootstrap
from ablo_pg.client.rows.receipt import Receipt
from ablo_pg.client.rows.requests import CommitRequest
from ablo_pg.client.session_values import SessionKey, SessionRequest
from ablo_pg.db.results import HistoryRead, KernelStatus, PageRead, RowRead, SnapshotRead
from ablo_pg.delta import Delta


class DeltaStream(Protocol):
    """Committed deltas in order, from a cursor on, without gap or repeat across reconnects."""

    @property
    def cursor(self) -> int:
        """The sync id of the last delta returned, or the stream's start."""

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
    def claims(self) -> ClaimTransport:
        """Claims and presence."""

    async def open(self) -> None:
        """Connect and check the login. Idempotent."""

    async def close(self) -> None:
        """End every connection and stream."""

    async def status(self) -> KernelStatus:
        """Return the kernel's status."""

    async def active_schema(self) -> ActiveSchema | None:
        """Return the database's schema, or None if none was applied."""

    async def past_schemas(self) -> frozenset[str]:
        """Return the hashes of the newest pushed versions, including the active one."""

    async def commit(self, request: CommitRequest) -> Receipt:
        """Apply a commit once, however often it has to be sent."""

    async def join(self, request: CommitRequest, connection: Any) -> Receipt:
        """Apply a commit inside the caller's open transaction on its own connection."""

    def join_blocking(self, request: CommitRequest, connection: Any) -> Receipt:
        """As `join`, on the calling thread, for a blocking connection."""

    async def receipt_get(self, key: str) -> Receipt | None:
        """Return the receipt of the commit that landed under a key, or None."""

    async def session_create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""

    async def session_revoke(self, session_id: str) -> None:
        """End a session, and every key minted from it."""

    async def bootstrap(self, models: Sequence[str]) -> Bootstrap:
        """Read all rows of these models, and the position to follow from."""

    async def track_list(self) -> bytes:
        """Read the participant's tracks, as the kernel's JSON."""

    async def track_remove(self, targets: bytes | None) -> int:
        """End tracks on these targets (JSON), or all; return how many ended."""

    async def row_get(self, model: str, row_id: str) -> RowRead:
        """Read one row."""

    async def row_at(self, model: str, row_id: str, position: int) -> RowRead:
        """Read one row as of an earlier position of the log."""

    async def row_history(
        self, model: str, row_id: str, limit: int, before: int | None
    ) -> HistoryRead:
        """Read a row's changes, newest first."""

    async def row_list(self, model: str, query: bytes) -> PageRead:
        """Read one page."""

    async def snapshot_read(self, targets: bytes) -> SnapshotRead:
        """Read named rows and the watermark in one snapshot."""

    async def subscribe(
        self, models: frozenset[str] | None, groups: frozenset[str] | None, cursor: int | None
    ) -> DeltaStream:
        """Begin a stream; from now when `cursor` is None. None for models or groups means all."""
