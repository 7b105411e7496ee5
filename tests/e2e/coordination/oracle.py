"""What must hold of every history of claims: pure functions, each returns one line a violation.

holders_overlap   two participants never hold overlapping parts at once
lines_jumped      a grant passes nobody who waits ahead, alive and in its way
tokens_fell       fencing tokens of overlapping grants rise; those of landed writes never fall
late_writes       no write under a claim lands once somebody else was granted, or long after its
                  lease
intruders         nobody else's write lands while a claim is held
unresolved        every claim has ended, granted or not
starved           whoever stayed to the end got its turns
miscounted        each acknowledged section landed once, and none wrote over another
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final, TypeVar

from .history import LIVE, History, Tenure, Version, Write, overlap

# A write is judged by the time noted in its row, some microseconds after the kernel judged it; on a
# busy machine a backend may lose the processor in between.
SLACK: Final = 0.5

Live = dict[str, Version]
HasTarget = TypeVar("HasTarget", Version, Write, Tenure)


def replay(history: History) -> Iterator[tuple[Version, Live]]:
    """Yield each version with the live claims of its target as they were just before it."""
    targets: dict[str, Live] = defaultdict(dict)
    for version in history.versions:
        live = targets[version.target]
        yield version, live
        if version.status in LIVE:
            live[version.claim] = version
        else:
            live.pop(version.claim, None)


def grants(history: History) -> Iterator[tuple[Version, list[Version]]]:
    """Yield each grant with the others' live claims on overlapping parts."""
    for version, live in replay(history):
        before = live.get(version.claim)
        if version.status == "active" and (before is None or before.status != "active"):
            yield version, [other for other in live.values() if in_the_way(other, version)]


def in_the_way(other: Version, version: Version) -> bool:
    """Whether another participant's claim is alive and overlaps."""
    return (
        other.claim != version.claim
        and other.participant != version.participant
        and other.expires_at > version.at
        and overlap(other.parts, version.parts)
    )


def holders_overlap(history: History) -> list[str]:
    return [
        f"{grant.target}: {grant.claim} granted while {other.claim} was held"
        for grant, others in grants(history)
        for other in others
        if other.status == "active"
    ]


def cut_short(history: History) -> list[str]:
    """Ended as expired by somebody else, before its time."""
    return [
        f"{version.target}: {version.claim} expired {version.expires_at - version.at:.3f} s early"
        for version in history.versions
        if version.status == "expired" and version.expires_at > version.at
    ]


def lines_jumped(history: History) -> list[str]:
    return [
        f"{grant.target}: {grant.claim} ({grant.ticket}) passed {other.claim} ({other.ticket})"
        for grant, others in grants(history)
        for other in others
        if other.status == "queued" and other.ticket < grant.ticket
    ]


def tokens_fell(history: History) -> list[str]:
    """Tokens of a row rise with every grant; writes on disjoint parts of it may interleave."""
    found = []
    tokens = {tenure.grant.claim: tenure.grant for tenure in history.tenures()}
    for of_row in _by_target(tokens.values()).values():
        found += [
            f"{two.target}: token {two.fence} granted after {one.fence}"
            for one, two in pairwise(of_row)
            if (two.fence or 0) <= (one.fence or 0)
        ]
    for writes in _by_target(history.writes).values():
        landed = [(write, tokens[write.claim]) for write in writes if write.claim in tokens]
        for (_, one), (write, two) in pairwise(landed):
            if (two.fence or 0) < (one.fence or 0) and overlap(one.parts, two.parts):
                found.append(f"{write.target}: {write.sync_id} landed below token {one.fence}")
    return found


def late_writes(history: History) -> list[str]:
    tenures = {tenure.grant.claim: tenure for tenure in history.tenures()}
    next_grant = _next_grants(history)
    found = []
    for write in history.writes:
        own = tenures.get(write.claim or "")
        if own is None:
            continue
        later = next_grant.get(own.grant.claim)
        if later is not None and write.sync_id > later.stamp:
            found.append(f"{write.target}: {write.sync_id} of {own.grant.claim} landed after "
                         f"{later.claim} was granted")  # fmt: skip
        if write.written_at > own.ran_out_at + SLACK:
            found.append(f"{write.target}: {write.sync_id} landed after the lease it names")
    return found


def intruders(history: History) -> list[str]:
    """Walks the writes of a row with the tenures that have begun before and not ended."""
    found = []
    writes = _by_target(history.writes)
    for target, tenures in _by_target(history.tenures()).items():
        waiting = sorted(tenures, key=lambda tenure: -tenure.grant.stamp)
        begun: list[Tenure] = []
        for write in writes[target]:
            while waiting and waiting[-1].grant.stamp < write.sync_id:
                begun.append(waiting.pop())
            begun = [one for one in begun if one.end is None or one.end.stamp >= write.sync_id]
            found += [
                f"{target}: {write.sync_id} by {write.actor} while {tenure.grant.claim} was held"
                for tenure in begun
                if write.actor != tenure.grant.participant
                and overlap(write.parts, tenure.grant.parts)
                and tenure.covers(write)
            ]
    return found


def unresolved(history: History) -> list[str]:
    last = {version.claim: version for version in history.versions}
    return [
        f"{version.target}: {version.claim} is still {version.status}"
        for version in last.values()
        if version.status in LIVE
    ]


def starved(history: History, stayed: Iterable[str]) -> list[str]:
    """`stayed`: participants who asked from the beginning to the end."""
    turns = Counter(tenure.grant.participant for tenure in history.tenures())
    return [f"{participant} never got a turn" for participant in stayed if not turns[participant]]


def miscounted(history: History, acknowledged: Iterable[str], field: str = "count") -> list[str]:
    """Each section adds one to what it read, unguarded but for its claim.

    acknowledged: the marks of sections whose writers saw them land. One whose writer died in
    between may have landed too; it must have added one as well.
    """
    found = []
    marks = Counter(write.mark for write in history.writes if write.mark)
    found += [f"section {mark} landed {marks[mark]} times" for mark in acknowledged
              if marks[mark] != 1]  # fmt: skip
    for target, writes in _by_target(history.writes).items():
        sections = [write for write in writes if write.mark and write.row]
        for number, write in enumerate(sections, start=1):
            value = (write.row or {})[field]
            if value != number:
                found.append(f"{target}: {write.sync_id} wrote {value}, the {number}th section")
                break
    return found


def unlisted(lists: Iterable[list[str]], acknowledged: Iterable[str]) -> list[str]:
    """Every acknowledged append is in the final lists once, and nothing is there twice."""
    times = Counter(entry for entries in lists for entry in entries)
    found = [f"{entry} is there {n} times" for entry, n in times.items() if n > 1]
    return found + [f"{mark} is not there" for mark in acknowledged if not times[mark]]


def _next_grants(history: History) -> dict[str, Version]:
    """For each grant, the next one to somebody else that overlaps it."""
    found: dict[str, Version] = {}
    for tenures in _by_target(history.tenures()).values():
        open_: list[Version] = []
        for tenure in tenures:
            grant = tenure.grant
            passed = [one for one in open_ if one.participant != grant.participant
                      and overlap(one.parts, grant.parts)]  # fmt: skip
            found |= {one.claim: grant for one in passed}
            open_ = [one for one in open_ if one not in passed] + [grant]
    return found


def _by_target(items: Iterable[HasTarget]) -> dict[str, list[HasTarget]]:
    found: dict[str, list[HasTarget]] = defaultdict(list)
    for item in items:
        found[item.target].append(item)
    return found


CHECKS: Final[tuple[Callable[[History], list[str]], ...]] = (
    holders_overlap,
    cut_short,
    lines_jumped,
    tokens_fell,
    late_writes,
    intruders,
)


def problems(history: History) -> list[str]:
    """Everything that never may happen, whoever writes and whoever dies."""
    return [f"{check.__name__}: {line}" for check in CHECKS for line in check(history)]
