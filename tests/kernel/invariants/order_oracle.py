"""I1's checker: what every reader saw, against the log as it is in the end.

A reader notes sync ids per organization as they arrive. Whoever has seen n has seen all lower ones
for good, so what a reader saw must be the log itself: nothing missed, repeated or out of order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from .site import Connection

Seen = Mapping[str, Sequence[int]]  # organization -> sync ids, as they arrived


def whole_log(conn: Connection) -> dict[str, list[int]]:
    """Return the log's sync ids per organization, in order."""
    log: dict[str, list[int]] = {}
    for organization, sync_id in conn.execute(
        "select organization_id, sync_id from ablo.delta order by sync_id"
    ):
        log.setdefault(organization, []).append(sync_id)
    return log


def order_problems(reader: str, seen: Seen, log: Seen) -> list[str]:
    """Return where a reader saw anything else than the log; empty when I1 holds."""
    problems = []
    for organization in sorted(seen.keys() | log.keys()):
        got, due = seen.get(organization, []), log.get(organization, [])
        who = f"{reader}, {organization}:"
        missed = sorted(set(due) - set(got))
        if missed:
            problems.append(f"{who} {len(missed)} of {len(due)} missed, such as {missed[:5]}")
        strange = sorted(set(got) - set(due))
        if strange:
            problems.append(f"{who} {len(strange)} that are not in the log: {strange[:5]}")
        if len(set(got)) != len(got):
            problems.append(f"{who} {len(got) - len(set(got))} repeated")
        late = [after for before, after in pairwise(got) if after < before]
        if late:
            problems.append(f"{who} {len(late)} out of order, such as {late[:5]}")
    return problems
