"""Group commit: concurrent commits of one organization are sent as one transaction.

Callers: the direct transport and the relay. The kernel runs a batch under the organization's order
lock, each commit in its own subtransaction, so their one flush is shared.

Invariants:
- a commit that is alone is sent at once, through `ablo.commit`; nothing waits for company;
- while one flight is out, the next commits gather; at most `BATCH_LIMIT` leave together;
- a commit that the batch answers with 55P03 (it would have to wait) is sent alone, and a lone one
  that takes longer than `LONE_PATIENCE` (it waits for a row) no longer holds up the others;
- each caller gets the receipt or the error of its own commit;
- nothing runs in the background: the caller whose commit leaves first flies the batch, and hands
  the lead on when it is back. A pilot that is cancelled leaves an unknown outcome behind; the
  others' commits are then sent again under their own keys, which is what keys are for.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ablo_pg.db import routines
from ablo_pg.db.errors import error_of
from ablo_pg.db.pool import RECONNECT_TRIES, Database
from ablo_pg.db.report import report_of
from ablo_pg.db.routines import BatchItem
from ablo_pg.errors import (
    AbloConflictError,
    AbloConnectionError,
    AbloError,
    AbloValidationError,
)

BATCH_LIMIT: Final = 50
# Bytes of requests in one batch: bounds the memory of one statement on both sides.
BATCH_BYTES: Final = 4_000_000
# Seconds. Protects the other commits from a lone one that waits for a row lock; a false alarm (a
# slow flush) only starts the next batch before this one is back, which is safe.
LONE_PATIENCE: Final = 0.02
RETRIES: Final = 6
# Seconds before the second attempt after a deadlock, doubled each time; jitter keeps the same two
# writers from colliding again.
DEADLOCK_PAUSE: Final = 0.01
# Errors of a commit's data, or of the rows it meets.
OF_DATA: Final = frozenset(
    {
        *("unknown_field", "column_type_mismatch", "not_null_violation", "check_violation"),
        *("unique_violation", "foreign_key_violation", "constraint_violation"),
        *("entity_not_found", "validation_failed"),
    }
)
_WOULD_WAIT: Final = "55P03"


@dataclass(eq=False, slots=True)
class _Waiting:
    """A commit in progress.

    `turn`, of one that had to queue, becomes True (lead) or False (`receipt` or `error` is set).
    """

    item: BatchItem
    turn: asyncio.Future[bool] = field(init=False)
    receipt: bytes | None = None
    error: AbloError | None = None
    would_wait: bool = False


@dataclass(slots=True)
class GroupCommit:
    """Batches one organization's commits on one database."""

    database: Database
    organization: str
    on_flight: Callable[[int], None] | None = None  # called with the size of each batch
    _queue: deque[_Waiting] = field(default_factory=deque, init=False)
    _flying: bool = field(default=False, init=False)
    _alone: asyncio.Semaphore = field(init=False)
    # When a lone commit in flight is overdue (the loop's clock), and what then lets the others go.
    _overdue: tuple[float, Callable[[], None]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._alone = asyncio.Semaphore(self.database.most_alone)

    async def submit(self, item: BatchItem) -> bytes:
        """Commit `item`; return its receipt as JSON, or raise its error.

        A commit may fail for several reasons at once. Claims, fences and premises come before its
        data: a caller that has to read again, or wait, gets no error about a field.
        """
        try:
            return await self._submit_again(item)
        except AbloError as exc:
            if exc.code in OF_DATA:
                request = bytes(item.request)
                await self.database.run(
                    routines.commit_refusal, self.organization, item.participant, request
                )
            raise

    async def _submit_again(self, item: BatchItem) -> bytes:
        """Commit `item`.

        Sent again under its key, a bounded number of times: after a broken connection, which leaves
        the outcome unknown, and after a deadlock with other writers of its rows, which leaves
        nothing; once after it met columns that a migration was just changing: its second answer,
        from the new functions, counts.
        """
        for attempt in range(RETRIES):
            try:
                return await self._submit_once(item)
            except AbloConnectionError:
                if attempt >= RECONNECT_TRIES - 1:
                    raise
                await self.database.mend(attempt)
            except AbloConflictError as exc:
                moved = exc.code == "model_not_provisioned" and attempt == 0
                if not moved and (exc.code != "write_conflict" or attempt == RETRIES - 1):
                    raise
                await asyncio.sleep(random.uniform(0, DEADLOCK_PAUSE * 2**attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _submit_once(self, item: BatchItem) -> bytes:
        me = _Waiting(item)
        if not self._flying or await self._lead(me):
            self._flying = True
            await self._fly(me)
        if me.would_wait:
            return await self._send_alone(item)
        if me.error is not None:
            raise me.error
        if me.receipt is None:  # the leader was cancelled in flight
            return await self._submit_once(item)
        return me.receipt

    async def _lead(self, me: _Waiting) -> bool:
        """Wait in the queue; return whether to fly, else another has flown this commit."""
        me.turn = asyncio.get_running_loop().create_future()
        self._queue.append(me)
        self._watch()
        try:
            return await me.turn
        except asyncio.CancelledError:
            if not me.turn.cancelled() and me.turn.result():
                self._hand_over()
            elif me in self._queue:
                self._queue.remove(me)
            raise

    def _hand_over(self) -> None:
        """Pass the lead to the next waiting commit, or clear it."""
        while self._queue:
            next_one = self._queue.popleft()
            if not next_one.turn.done():  # else its caller was cancelled
                next_one.turn.set_result(True)
                return
        self._flying = False

    def _companions(self, me: _Waiting) -> list[_Waiting]:
        batch = [me]
        size = len(memoryview(me.item.request))
        while self._queue and len(batch) < BATCH_LIMIT:
            size += len(memoryview(self._queue[0].item.request))
            if size > BATCH_BYTES:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _fly(self, me: _Waiting) -> None:
        batch = self._companions(me) if self._queue else [me]
        if self.on_flight is not None:
            self.on_flight(len(batch))
        if len(batch) == 1 and not self._alone.locked():
            await self._fly_alone(me)
            return
        try:
            await self._fly_batch(batch)
        except AbloError as exc:
            # One of them may break the statement for all: then each is sent on its own.
            spoilt = len(batch) > 1 and isinstance(exc, AbloValidationError)
            for one in batch:
                one.error, one.would_wait = exc, spoilt
        finally:
            # First the next batch, then the answers: callers' work on those overlaps with it.
            self._hand_over()
            for one in batch[1:]:
                if not one.turn.done():
                    one.turn.set_result(False)

    async def _fly_alone(self, me: _Waiting) -> None:
        """Send one commit; let the others proceed if it takes long."""
        handed = False

        def let_go() -> None:
            nonlocal handed
            if not handed:
                handed = True
                self._overdue = None
                self._hand_over()

        self._overdue = (asyncio.get_running_loop().time() + LONE_PATIENCE, let_go)
        if self._queue:
            self._watch()
        try:
            me.receipt = await self._send_alone(me.item)
        finally:
            let_go()

    def _watch(self) -> None:
        """Set the timer of a lone commit in flight, once another one waits for it."""
        if self._overdue is not None:
            asyncio.get_running_loop().call_at(*self._overdue)
            self._overdue = None

    async def _fly_batch(self, batch: list[_Waiting]) -> None:
        answers = await self.database.run(
            routines.commit_batch, self.organization, [one.item for one in batch]
        )
        for one, (receipt, error) in zip(batch, answers, strict=True):
            if error is None:
                one.receipt = receipt
                continue
            report = report_of(error)
            one.would_wait = report.sqlstate == _WOULD_WAIT
            one.error = error_of(report, self.database.names)

    async def _send_alone(self, item: BatchItem) -> bytes:
        async with self._alone:
            return await self.database.run(
                routines.commit,
                self.organization,
                item.participant,
                item.key,
                bytes(item.request),
                item.on_behalf_of,
                item.capability_id,
                item.transport,
            )
