"""What all parts of one client share: its schema's registry, transport, default deadline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from typing_extensions import TypeVar

from ablo_pg.client.claims.held import HeldClaims
from ablo_pg.client.deadlines import timeout_of, within
from ablo_pg.client.gate import SchemaGate
from ablo_pg.client.home import Home
from ablo_pg.client.live.background import Background
from ablo_pg.client.local.queued import Rows, WriteQueue
from ablo_pg.client.names import Entry
from ablo_pg.client.registry import Registry
from ablo_pg.client.rows.premises import Reads
from ablo_pg.client.rows.requests import CommitRequest, assemble, with_taken_id
from ablo_pg.client.transport import Transport
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Committed, Receipt

# confirmed: it is durable when the call returns. queued: it shows in the local copy at once and is
# sent in the background; see `local.queued`.
Wait: TypeAlias = Literal["confirmed", "queued"]
Data: TypeAlias = Mapping[str, object]
# What a model's `create` and `update` take; `ablo-pg generate` writes TypedDicts for them.
NewT = TypeVar("NewT", bound=Data, default=Data)
ChangesT = TypeVar("ChangesT", bound=Data, default=Data)


@dataclass(slots=True)
class Local:
    """A client's local copy and queued writes, if it has them."""

    copy: Rows | None = None
    queue: WriteQueue | None = None

    @property
    def position(self) -> int:
        """The sync id up to which changes are in the copy."""
        return 0 if self.copy is None else self.copy.position or 0


@dataclass(frozen=True, slots=True)
class Session:
    """Shared by a client and everything it hands out."""

    registry: Registry
    link: Transport  # without the check of process and event loop; see `transport`
    timeout: float
    background: Background
    gate: SchemaGate
    home: Home = field(default_factory=Home)
    claims: HeldClaims = field(default_factory=HeldClaims)
    local: Local = field(default_factory=Local)

    @property
    def transport(self) -> Transport:
        """The transport. Raises invalid_options after a fork, and in another event loop."""
        self.home.check()
        return self.link

    def seconds(self, timeout: float | None) -> float:
        """Return the deadline to use."""
        return timeout_of(timeout, self.timeout)

    def assemble(
        self,
        operations: list[dict[str, Any]],
        reads: Reads | None,
        key: str | None,
        track: Sequence[Mapping[str, object]] = (),
        returning: bool = False,
    ) -> CommitRequest:
        """Build a commit from operations in wire form, under the claims that this client holds."""
        cover = self.claims.cover
        return assemble(self.registry, operations, reads, key, cover, track, returning)

    async def known(self, reads: Reads | None, timeout: float | None) -> None:
        """Wait until the client's organization is known, before evidence is checked."""
        if reads and not self.registry.organization:
            async with within(self.seconds(timeout), "Connecting"):
                await self.transport.open()

    async def commit(self, request: CommitRequest, timeout: float | None, wait: str) -> Receipt:
        """Send a commit, bounded by the deadline."""
        check_wait(wait)
        async with within(self.seconds(timeout), "The commit", request.key):
            return (await self.send(request)).receipt

    async def send(self, request: CommitRequest) -> Committed:
        """Send a commit; the caller bounds it."""
        try:
            return await self.transport.commit(request)
        except AbloError as exc:
            if exc.code == "claim_lost":
                self.claims.lost(str(exc.details.get("claimId")), exc.message)
            told = await self.gate.explain(self.transport, with_taken_id(exc, request))
            raise told from (exc.__cause__ or exc)

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Read something; an error explains a changed schema, if that is the reason."""
        try:
            yield
        except AbloError as exc:
            raise await self.gate.explain(self.transport, exc) from (exc.__cause__ or exc)

    async def admit(self, entry: Entry, rows: Iterable[Model | None]) -> None:
        """Raise if rows that were read lack what the schema no longer has; see `gate`."""
        await self.gate.admit(self.transport, entry, rows)


def check_wait(wait: str) -> None:
    """Refuse a `wait` that this transport does not support."""
    if wait != "confirmed":
        raise error_for(
            "write_options_invalid",
            f"wait={wait!r} is not supported by this call",
            field="wait",
            remedy='use wait="confirmed"; create, update and delete of a model support "queued" '
            "too",
        )
