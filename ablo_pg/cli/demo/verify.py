"""Whether every write arrived once and in order: pure, from the messages of the processes.

A test shows that this check catches a stream that loses, repeats, reorders or invents a change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ablo_pg.cli.demo.messages import Retried, Saw, Wrote
from ablo_pg.cli.demo.schema import SHARED


@dataclass(frozen=True, slots=True)
class Evidence:
    """All messages of the processes, and the final table (id -> row)."""

    wrote: Sequence[Wrote]
    retried: Sequence[Retried]
    saw: Sequence[Saw]
    table: Mapping[str, Mapping[str, object]]


def problems(evidence: Evidence) -> list[str]:
    """Return the problems, one sentence each; empty if everything is correct."""
    found = [*_order(evidence.saw), *_once(evidence.wrote, evidence.saw)]
    found += _retries(evidence)
    found += _folded(evidence.saw, evidence.table)
    found += _counter(evidence.wrote, evidence.table)
    return found


def _order(saw: Sequence[Saw]) -> list[str]:
    wrong = [(a.sync_id, b.sync_id) for a, b in pairwise(saw) if a.sync_id >= b.sync_id]
    return [f"sync id {second} arrived after {first}" for first, second in wrong]


def _once(wrote: Sequence[Wrote], saw: Sequence[Saw]) -> list[str]:
    """Each confirmed write must have arrived unchanged, and nothing else."""
    written = Counter((one.sync_id, one.op, one.id) for one in wrote)
    arrived = Counter((one.sync_id, one.op, one.id) for one in saw)
    lost = [f"{op} of {row} (sync id {at}) never arrived" for at, op, row in written - arrived]
    extra = [
        f"{op} of {row} (sync id {at}) arrived, but {arrived[at, op, row]} times for "
        f"{written[at, op, row]} writes"
        for at, op, row in arrived - written
    ]
    return lost + extra


def _retries(evidence: Evidence) -> list[str]:
    known = {one.sync_id for one in evidence.wrote}
    return [
        f"a retry got another receipt (sync id {one.sync_id})"
        for one in evidence.retried
        if one.sync_id not in known
    ]


def _folded(saw: Sequence[Saw], table: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Applying the changes in order must give the table."""
    state: dict[str, Mapping[str, object]] = {}
    for one in saw:
        if one.row is None:
            state.pop(one.id, None)
        else:
            state[one.id] = one.row
    rows = sorted(state.keys() | table.keys())
    return [f"row {row} differs from the table" for row in rows if state.get(row) != table.get(row)]


def _counter(wrote: Sequence[Wrote], table: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Every acknowledged count must be in the shared task: no update was lost."""
    counted = sum(1 for one in wrote if one.id == SHARED and one.op == "update")
    stored = table.get(SHARED, {}).get("edits")
    return [] if stored == counted else [f"{counted} counts were confirmed, {stored} are stored"]


def latencies(wrote: Sequence[Wrote], saw: Sequence[Saw]) -> list[float]:
    """Milliseconds from sending a write to seeing it at the subscriber, sorted.

    The task that existed before the subscriber started does not count.
    """
    seen = {one.sync_id: one.at for one in saw}
    live = [one for one in wrote if (one.id, one.op) != (SHARED, "create")]
    return sorted((seen[one.sync_id] - one.sent) / 1e6 for one in live if one.sync_id in seen)
