"""The verdict: what a follower got against what the WAL holds. Pure.

A follower is right when it was given every delta once, in the order of the ids, each with what was
written, and its rows are the table's. Rows alone would hide a lost delta of a row that was written
again: ids alone would hide one that came with the wrong content.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from .wal_oracle import Change, Truth

SHOWN = 5  # ids that a complaint lists


def complaints_of_log(truth: Truth, acknowledged: Iterable[str]) -> list[str]:
    """Return in what the log contradicts the tables or what writers were told."""
    found = []
    ids = [each.id for each in truth.deltas]
    if any(later <= earlier for earlier, later in pairwise(ids)):
        found.append("the log's ids do not rise in the order of the commits")
    if fold(truth.deltas) != truth.rows:
        found.append("the log's deltas make other rows than the table's changes")
    if truth.rows != truth.selected:
        found.append("the table's changes make other rows than SELECT finds")
    created = Counter(truth.created)
    wrong = [row for row in acknowledged if created[row] != 1]
    if wrong:
        found.append(f"acknowledged and not there exactly once: {wrong[:SHOWN]}")
    return found


def complaints(taken: Sequence[Change], truth: Truth) -> list[str]:
    """Return in what a follower's deltas differ from the truth."""
    found = []
    ids = [each.id for each in taken]
    back = [later for earlier, later in pairwise(ids) if later <= earlier]
    if back:
        found.append(f"{len(back)} ids do not rise: {back[:SHOWN]}")
    known, received = {each.id: each for each in truth.deltas}, set(ids)
    missing = [each for each in known if each not in received]
    if missing:
        found.append(f"{len(missing)} deltas are missing: {missing[:SHOWN]}")
    wrong = [each for each in taken if known.get(each.id) != each]
    if wrong:
        found.append(f"{len(wrong)} deltas are not what was written: {wrong[:SHOWN]}")
    if fold(taken) != truth.rows:
        found.append("the rows are not the table's")
    return found


def fold(deltas: Iterable[Change]) -> dict[str, str]:
    """Return the rows that deltas make, taken one after the other."""
    rows: dict[str, str] = {}
    for each in deltas:
        if each.op == "D":
            rows.pop(each.row, None)
        else:
            rows[each.row] = each.title or ""
    return rows
