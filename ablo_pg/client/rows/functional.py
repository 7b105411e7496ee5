"""Functional updates: read a row, compute the change from it, write it if the row is unchanged.

`models.update` runs one here; `sync.functional` is the twin, which calls the function on the
caller's own thread. An update that lost its race reads and computes again.

Invariants:
- a write lands only on the very row that the function has seen (a premise, rejected when stale);
- all attempts share one idempotency key, derived from the caller's and the row. A refused one
  leaves no record, so the next is free to take it; one that landed, even if its answer was lost,
  makes every later one fail, so that the function's result is applied at most once.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar, cast

from ablo_pg.client.deadlines import within
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import row_of
from ablo_pg.client.rows.operations import Operation
from ablo_pg.client.rows.premises import Reads
from ablo_pg.client.rows.requests import ID_NAMESPACE, encode_operation, idempotency_key
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.rows.written import no_row, written_row
from ablo_pg.client.session import ChangesT, Data, Session
from ablo_pg.errors import AbloConflictError, AbloError, AbloIdempotencyError, error_for
from ablo_pg.schema.inputs import validate_whole
from ablo_pg.schema.rows import Model
from ablo_pg.wire.committed import Committed, Receipt
from ablo_pg.wire.kernel_bodies import ReceiptBody, RowBody
from ablo_pg.wire.kernel_calls import RECEIPT_GET, ROW_GET

RowT = TypeVar("RowT", bound=Model)
# From the row as it is to the fields to change; None or {} changes nothing.
Compute: TypeAlias = Callable[[RowT], ChangesT | Awaitable[ChangesT | None] | None]

RETRIES: Final = 16
# Another writer was faster, or blocked it for a moment. Not entity_claimed: that may last minutes.
_LOST: Final = frozenset({"stale_context", "claim_lost", "write_conflict"})
# Seconds before the n-th retry: PAUSE + STEP * n + up to JITTER, to separate writers.
_PAUSE, _STEP, _JITTER = 0.060, 0.040, 0.060


@dataclass(frozen=True, slots=True)
class UpdateOptions:
    """How to run a functional update."""

    reads: Reads | None
    retries: int
    key: str | None
    seconds: float


class FunctionalUpdate(Generic[RowT]):
    """One functional update in progress: its row, its key, and its remaining attempts.

    key: the caller's or, so that it can be reused after a deadline, a generated one.
    """

    def __init__(self, session: Session, entry: Entry, row_id: str, options: UpdateOptions) -> None:
        self._session = session
        self._entry = entry
        self._id = encode_id(entry.key, row_id)
        self._reads = options.reads
        self._retries = options.retries
        self._given = options.key
        self.key = idempotency_key(options.key)
        self._key = str(uuid.uuid5(ID_NAMESPACE, f"update:{entry.key}:{self._id}:{self.key}"))
        self._seconds = options.seconds
        self._ends = time.monotonic() + options.seconds
        self._failures: list[AbloError] = []
        self._stamp = 0  # of the row that the function was given last
        self._row: RowT | None = None

    @property
    def what(self) -> str:
        """Name the update in a message."""
        return f"update of {self._entry.key} {self._id!r}"

    def left(self) -> float:
        """Return the seconds until the deadline. Raises wait_for_timeout if there are none."""
        seconds = self._ends - time.monotonic()
        if seconds > 0:
            return seconds
        raise error_for(
            "wait_for_timeout",
            f"The {self.what} did not end within {self._seconds:g} s",
            model=self._entry.key,
            row_id=self._id,
            remedy="whether it was applied is unknown: retry it with the same idempotency_key",
            details={
                "timeout": self._seconds,
                "attempts": len(self._failures),
                "idempotency_key": self.key,
            },
        )

    async def landed(self) -> RowT | None:
        """Return the row if an earlier call under the caller's key has landed, else None."""
        return None if self._given is None else await self._found_landed()

    async def read(self) -> RowT:
        """Return the row as it is now. Raises entity_not_found."""
        body = RowBody(self._entry.typename, self._id)
        found = await self._session.transport.ask(ROW_GET, body)
        if found.data is None:
            raise no_row(self._entry, self._id)
        self._stamp = found.stamp
        self._row = cast(RowT, row_of(self._entry, found.data, found.stamp))
        return self._row

    async def write(self, data: Data) -> RowT | None:
        """Write what was computed from the last `read`; return the row.

        Or None: `pause`, then try again.

        Raises contention_exhausted, and every error that another attempt would meet too.
        """
        operation = Operation("update", self._entry.key, self._id, data)
        wire = encode_operation(self._session.registry, operation)
        if self._row is not None:
            wire["data"] = validate_whole(
                self._entry.row, self._row, wire["data"], key=self._entry.key
            )
        # own: under a claim the holder's own writes would not count, and of two updates that one
        # holder runs at once the second would undo the first.
        seen = {"model": self._entry.key, "id": self._id, "read_at": self._stamp, "own": True}
        request = self._session.assemble(
            [wire], [seen, *(self._reads or ())], self._key, returning=True
        )
        try:
            done = await self._session.send(request)
        except AbloIdempotencyError:
            row = await self._found_landed()  # another caller, or a lost answer, under the same key
            if row is None:
                raise
            return row
        except AbloConflictError as exc:
            self._lost(exc)
            return None
        if done.receipt.notifications and not done.receipt.ops:
            raise self._held(done.receipt)
        return await self._written(done)

    def pause(self) -> float:
        """Return how many seconds to wait before the next attempt."""
        return _PAUSE + _STEP * len(self._failures) + random.uniform(0, _JITTER)

    def _lost(self, error: AbloConflictError) -> None:
        """Record a lost race. Raises `error` itself if a retry cannot help."""
        if error.code not in _LOST or not self._is_about_the_row(error):
            raise error
        self._failures.append(error)
        if len(self._failures) > self._retries:
            raise error_for(
                "contention_exhausted",
                f"The {self.what} lost its race {len(self._failures)} times",
                model=self._entry.key,
                row_id=self._id,
                remedy="claim the row first, or pass more retries",
                details={
                    "attempts": len(self._failures),
                    "code": error.code,
                    "conflicts": error.details.get("conflicts", []),
                },
            ) from error

    def _is_about_the_row(self, error: AbloError) -> bool:
        """Whether reading the row again can help: the caller's own premise stays stale."""
        conflicts = error.details.get("conflicts")
        if error.code != "stale_context" or not isinstance(conflicts, list):
            return True
        return all(
            one.get("id") == self._id
            and one.get("model") == self._entry.typename
            and "where" not in one
            and not one.get("tracked")
            for one in conflicts
        )

    def _held(self, receipt: Receipt) -> AbloError:
        """Return the error for a write that was not applied because the row is claimed."""
        holder = receipt.notifications[0].written_by
        return error_for(
            "entity_claimed",
            f"The {self.what} was not applied: {holder} has claimed the row",
            model=self._entry.key,
            row_id=self._id,
            remedy="wait for the claim to end, or claim the row yourself",
            details={"heldBy": holder, "receipt": receipt},
        )

    async def _found_landed(self) -> RowT | None:
        receipt = await self._session.transport.ask(RECEIPT_GET, ReceiptBody(self._key))
        return None if receipt is None else await self._written(Committed(receipt))

    async def _written(self, done: Committed) -> RowT:
        return cast(RowT, await written_row(self._session, self._entry, self._id, done))


async def run(update: FunctionalUpdate[RowT], compute: Compute[RowT, ChangesT]) -> RowT:
    """Run an update to its end. Raises what `compute` raises, unchanged."""
    async with within(update.left(), f"The {update.what}", update.key):
        done = await update.landed()
        while done is None:
            current = await update.read()
            data = compute(current)
            if inspect.isawaitable(data):
                data = await data
            if not changes_of(update.what, data):
                return current
            done = await update.write(cast(Data, data))
            if done is None:
                await asyncio.sleep(update.pause())  # so that competing writers separate
        return done


def changes_of(what: str, data: object) -> bool:
    """Whether a function's result changes anything. Raises validation_failed for other types."""
    if data is not None and not isinstance(data, Mapping):
        raise error_for(
            "validation_failed",
            f"The function of the {what} returned a {type(data).__name__}",
            field="data",
            remedy='return the fields to change, {"count": 3}, or None for no change',
        )
    return bool(data)


def check_retries(retries: int | None) -> None:
    """Refuse a retry budget for an update that is tried once."""
    if retries is not None:
        raise _option(
            "retries", "only works with a function", "pass a function as data, or leave it out"
        )


def options_of(
    reads: Reads | None,
    retries: int | None,
    key: str | None,
    seconds: float,
    guards: Mapping[str, object],
) -> UpdateOptions:
    """Return the options of a functional update, checked. Raises write_options_invalid."""
    for name, value in guards.items():
        if value is not None:
            raise _option(
                name,
                "cannot be combined with a function, which reads the row itself",
                "leave it out",
            )
    if retries is None:
        retries = RETRIES
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise _option("retries", f"cannot be {retries!r}", "pass a number of retries, 0 or more")
    return UpdateOptions(reads, retries, key, seconds)


def _option(name: str, problem: str, remedy: str) -> AbloError:
    return error_for("write_options_invalid", f"{name} {problem}", field=name, remedy=remedy)
