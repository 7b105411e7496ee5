"""Merges the changes of a row in one frame into its last state. Pure.

Live clients of the TypeScript SDK keep the first of several deltas of one row that arrive together,
and drop an update that arrives with its create. For them a frame therefore has one delta per row,
at the place and under the id of the row's last change: ids still rise, and the frame's last id,
which a client acknowledges and resumes from, stays the last. What was before is left out.

    in the frame                         sent
    create, update ..                    create, with the last row
    update, update ..                    update, with the last row and all that changed
    .., delete                           delete; also after an unseen create
    delete, create or update             create, with the last row
    archive, update / unarchive, update  archive / unarchive, with the last row
    create, archive                      archive; unarchived again: create
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ablo_pg.delta import Delta, Op

_HIDDEN: Final = ("D", "A")


def coalesce(deltas: Sequence[Delta]) -> Sequence[Delta]:
    """Return one delta for each row, in the order of their last changes."""
    last: dict[tuple[str, str], tuple[Delta, bool]] = {}
    for delta in deltas:
        key = (delta.model, delta.row_id)
        before = last.pop(key, None)
        last[key] = (delta, delta.op == "I") if before is None else _joined(*before, delta)
    if len(last) == len(deltas):
        return deltas
    return [delta for delta, _ in last.values()]


def _joined(before: Delta, unseen: bool, delta: Delta) -> tuple[Delta, bool]:
    """Merge two changes of a row. unseen: the client did not have the row before them."""
    unseen = unseen or before.op == "D"
    op = _op(before.op, unseen, delta.op)
    both = op == "U" and before.op == "U"
    changed = tuple(dict.fromkeys(before.changed + delta.changed)) if both else delta.changed
    changed = () if op == "I" else changed
    return delta._replace(op=op, changed=changed, before=None, entered_groups=()), unseen


def _op(before: Op, unseen: bool, now: Op) -> Op:
    if now in _HIDDEN:
        return now
    if now == "U" and before == "A":
        return "A"
    if unseen:
        return "I"
    return before if now == "U" else now
