"""A row's history, from the log: `ablo.tasks.history(id=...)` and `retrieve(id=..., at=...)`.

Called by `models`. Rows written under an earlier schema are read with today's class: a field that
did not exist then is its default or None, one that no longer exists is left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from ablo_pg.client.deadlines import within
from ablo_pg.client.live.subscriptions import ChangeOp
from ablo_pg.client.names import Entry
from ablo_pg.client.rows.decode import before_of, row_of
from ablo_pg.client.rows.requests import PAGE_LIMIT
from ablo_pg.client.rows.values import encode_id
from ablo_pg.client.session import Session
from ablo_pg.delta import OP_NAMES
from ablo_pg.errors import AbloError, error_for
from ablo_pg.schema.rows import Model
from ablo_pg.wire.kernel_bodies import HistoryBody, RowAtBody
from ablo_pg.wire.kernel_calls import ROW_AT, ROW_HISTORY
from ablo_pg.wire.results import HistoryData

RowT = TypeVar("RowT", bound=Model)


@dataclass(frozen=True, slots=True)
class HistoryEntry(Generic[RowT]):
    """One committed change of a row, and who is responsible for it.

    sync_id: its place in the organization's log. op: create, update, delete, archive, or unarchive.
    row: the row after it, None for a delete. changed: names of the fields that it changed, empty
    for create and delete. actor: `kind:id` of the writer; on_behalf_of: for whom; capability_id:
    with which key; claim_id: under which claim. transaction_id: the writer's name for the
    operation. at: when, in UTC. before: what it replaced, by field name, as `Change.before`.
    """

    sync_id: int
    op: ChangeOp
    row: RowT | None
    changed: tuple[str, ...]
    actor: str | None
    on_behalf_of: str | None
    capability_id: str | None
    claim_id: str | None
    transaction_id: str | None
    at: dt.datetime
    before: Mapping[str, Any] | None = None


class History(list[HistoryEntry[RowT]]):
    """A page of a row's changes, newest first.

    next_before: pass it as `before=` to continue; None on the last page. kept_after: nothing at or
    below this sync id is kept any more, so a history whose oldest entry is not a create may have
    begun there, or before the model's changes were captured.
    """

    def __init__(
        self, entries: Iterable[HistoryEntry[RowT]], next_before: int | None, kept_after: int
    ) -> None:
        super().__init__(entries)
        self.next_before = next_before
        self.kept_after = kept_after


async def row_history(
    session: Session,
    entry: Entry,
    id: str,
    limit: int,
    before: int | None,
    timeout: float | None,
) -> History[Any]:
    """Read one page of a row's changes. Raises invalid_id, invalid_options."""
    row_id = encode_id(entry.key, id)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= PAGE_LIMIT:
        remedy = "continue with before=page.next_before"
        raise _invalid(entry, "limit", f"must be between 1 and {PAGE_LIMIT}", remedy)
    if before is not None:
        check_position(entry, "before", before)
    async with within(session.seconds(timeout), f"The history of {entry.key} {row_id!r}"):
        body = HistoryBody(entry.typename, row_id, limit, before)
        found = await session.transport.ask(ROW_HISTORY, body)
    entries = [_entry_of(entry, one) for one in found.entries]
    next_before = entries[-1].sync_id if found.has_more else None
    return History(entries, next_before, found.kept_after)


async def row_as_of(
    session: Session, entry: Entry, id: str, at: int, timeout: float | None
) -> Model | None:
    """Read a row as of position `at` of the organization's log; None if it did not exist then.

    The row's evidence is the change that produced it. As a premise it means "unchanged since then",
    and is refused as stale if the row has changed.

    Raises cursor_ahead if the log is not there yet; snapshot_required if it no longer reaches back
    that far, or does not know: the row existed before its model's changes were captured
    (`details["knownFrom"]`: a position from which on it is known).
    """
    row_id = encode_id(entry.key, id)
    check_position(entry, "at", at)
    async with within(session.seconds(timeout), f"Reading {entry.key} {row_id!r} at {at}"):
        found = await session.transport.ask(ROW_AT, RowAtBody(entry.typename, row_id, at))
    data = found.data
    return None if data is None else row_of(entry, data, found.stamp)


def check_position(entry: Entry, option: str, position: object) -> None:
    """Refuse a value that is not a position of a log."""
    if isinstance(position, int) and not isinstance(position, bool) and 0 <= position < 2**63:
        return
    remedy = "pass the sync_id of a change, or a stamp"
    raise _invalid(entry, option, f"{position!r} is not a sync id", remedy)


def _entry_of(entry: Entry, found: HistoryData) -> HistoryEntry[Any]:
    data = found.data
    changed = tuple(entry.python(wire) for wire in found.changed or ())
    return HistoryEntry(
        sync_id=found.sync_id,
        op=cast(ChangeOp, OP_NAMES[found.op]),
        row=None if data is None else row_of(entry, data, found.sync_id),
        changed=changed,
        actor=found.actor,
        on_behalf_of=found.on_behalf_of,
        capability_id=found.capability_id,
        claim_id=found.claim_id,
        transaction_id=found.transaction_id,
        at=dt.datetime.fromisoformat(found.created_at).astimezone(dt.UTC),
        before=before_of(entry, data, found.previous, changed),
    )


def _invalid(entry: Entry, option: str, what: str, remedy: str) -> AbloError:
    return error_for(
        "invalid_options",
        f"{option} of {entry.key}: {what}",
        model=entry.key,
        field=option,
        remedy=remedy,
    )
