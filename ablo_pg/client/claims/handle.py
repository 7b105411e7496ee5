"""The handle of a granted claim: its row, its loss, its release."""

from __future__ import annotations

import datetime as dt
from collections.abc import Coroutine, Generator
from typing import Any, Final, Generic, Literal, Self, TypeAlias, TypeVar, cast

from ablo_pg.claim import ClaimState, ClaimStatus
from ablo_pg.client.claims.held import Hold
from ablo_pg.client.claims.waiter import (
    LEAVE_SECONDS,
    Granted,
    OnStatus,
    call_status,
    give_back,
    logger,
)
from ablo_pg.client.claims.wakeup import Mark, WakeUp
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import row_of
from ablo_pg.client.session import Session
from ablo_pg.db.waits import finished, shielded
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.rows import Model

RowT = TypeVar("RowT", bound=Model)
HandleStatus: TypeAlias = Literal["held", "lost", "released"]


class LostEvent:
    """Set when a claim is lost: its lease expired, or it was ended."""

    def __init__(self, mark: Mark) -> None:
        self.mark = mark

    def is_set(self) -> bool:
        """Whether the claim is known to be lost."""
        return self.mark.is_set()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait for the loss, at most `timeout` seconds; return whether it came."""
        await self.mark.wait(timeout)
        return self.mark.is_set()


class Claim(Generic[RowT]):
    """A granted claim; also an async context manager, which releases it at its end.

    Writes of this client to the row are made under it until then. They are refused with
    stale_context if another writer has changed what was read at the grant, and with claim_lost once
    the claim is lost. The lease renews automatically in a separate thread, even while the event
    loop is blocked; a process that is stopped or dead loses it within its ttl.
    """

    def __init__(self, session: Session, entry: Entry, granted: Granted, hold: Hold) -> None:
        self._session = session
        self._entry = entry
        self._granted = granted
        self._hold = hold
        self._lost = LostEvent(granted.lease.lost)
        data = granted.row
        self._row = None if data is None else cast(RowT, row_of(entry, data, granted.read_at))

    @property
    def id(self) -> str:
        """The claim's id."""
        return self._granted.state.id

    @property
    def state(self) -> ClaimState:
        """The claim as the database gave it."""
        return self._granted.state

    @property
    def row(self) -> RowT | None:
        """The row as of the grant; None if it did not exist."""
        return self._row

    @property
    def data(self) -> RowT:
        """The row as of the grant. Raises entity_not_found if it did not exist."""
        if self._row is None:
            raise error_for(
                "entity_not_found",
                f"There is no {self._entry.key} {self.state.row_id!r}",
                model=self._entry.key,
                field="id",
                row_id=self.state.row_id,
                remedy="create it: the claim reserves its id; or use claim.row",
            )
        return self._row

    @property
    def fence_token(self) -> int:
        """The fencing token: every later grant of the row has a higher one."""
        return self._hold.fence_token

    @property
    def read_at(self) -> int:
        """The stamp at which the row was read."""
        return self._hold.read_at

    @property
    def expires_at(self) -> dt.datetime:
        """When the lease would end without further renewals, by the database's clock."""
        return self.state.expires_at

    @property
    def status(self) -> HandleStatus:
        """The state of this handle: "held", "lost" (writes raise), or "released"."""
        if self._hold.ended.is_set():
            return "released"
        return "lost" if self._hold.lease.lost.is_set() else "held"

    @property
    def lost(self) -> LostEvent:
        """The event of its loss: `claim.lost.is_set()`, `await claim.lost.wait()`."""
        return self._lost

    async def release(self) -> bool:
        """Release the claim; the next waiter gets it at once.

        Returns whether the database ended it now: not if it was lost or released before, or if
        another handle of this client still holds it.
        """
        return await self._end(self._session.timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """As `release`, but briefly bounded and without raising: then the lease expires."""
        try:
            await self._end(LEAVE_SECONDS)
        except AbloError as error:
            logger.warning("claim %s was not released: %s", self.id, error)

    async def _end(self, seconds: float) -> bool:
        if self._hold.lease.foreign or not self._session.claims.close(self._hold):
            return False
        return await finished(self._give_back(seconds), seconds)

    async def _give_back(self, seconds: float) -> bool:
        row_id = self.state.row_id
        with shielded(seconds):
            row = self._entry.typename, row_id
            return await give_back(self._session, row, self._granted.lease)
        raise error_for(
            "wait_for_timeout",
            f"Claim {self.id} was not released within {seconds:g} s",
            model=self._entry.key,
            row_id=row_id,
            remedy="it expires with its lease; renewal has stopped",
        )


ClaimT = TypeVar("ClaimT", bound="Claim[Any] | None")


class Claiming(Generic[ClaimT]):
    """The result of `claim(...)`: await it for the handle, or enter it with `async with`."""

    def __init__(self, obtaining: Coroutine[Any, Any, ClaimT]) -> None:
        self._obtaining: Final = obtaining
        self._claim: ClaimT | None = None

    def __await__(self) -> Generator[Any, Any, ClaimT]:
        return self._obtaining.__await__()

    async def __aenter__(self) -> ClaimT:
        self._claim = claim = await self._obtaining
        return claim

    async def __aexit__(self, *exc: object) -> None:
        if self._claim is not None:
            await self._claim.__aexit__()


async def tell_loss(hold: Hold, on_status: OnStatus) -> None:
    """Wait for a claim's loss and report it; end with its release. Runs in the background."""
    wakeup = WakeUp()
    for mark in (hold.lease.lost, hold.ended):
        mark.add(wakeup)
    try:
        await wakeup.wait(None)
        if not hold.ended.is_set():
            await call_status(on_status, ClaimStatus("lost", hold.lease.claim_id))
    finally:
        hold.lease.lost.remove(wakeup)
