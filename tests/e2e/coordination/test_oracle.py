"""The oracle finds what is wrong in histories made by hand, and nothing in a right one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from . import oracle
from .history import History, Version, Write

A1 = Version("c1", "queued", "agent:a", ticket=1, at=1)
A2 = replace(A1, status="active", fence=1, at=2, expires_at=10, stamp=5)
A3 = replace(A2, status="committed", at=3, stamp=6)
B1 = Version("c2", "queued", "agent:b", ticket=2, at=2)
B2 = replace(B1, status="active", fence=2, at=3, expires_at=20, stamp=6)
B3 = replace(B2, status="committed", at=5, stamp=7)
WA = Write(6, "agent:a", "c1", at=2.5, written_at=2.5, mark="s1", row={"count": 1})
WB = Write(7, "agent:b", "c2", at=4, written_at=4, mark="s2", row={"count": 2})
RIGHT = History([A1, A2, B1, A3, B2, B3], [WA, WB])

ONLY_B = replace(B1, ticket=3), replace(B2, ticket=3), replace(B3, ticket=3)
WAITING = Version("c3", "queued", "agent:c", ticket=2, at=2)
TITLE, BODY = frozenset({"title"}), frozenset({"body"})

# What is wrong -> the check that says so, and the history.
WRONG: dict[str, tuple[Callable[[History], list[str]], History]] = {
    "granted while another held it": (
        oracle.holders_overlap,
        History([A1, A2, B1, replace(B2, at=2.5), A3, B3], []),
    ),
    "granted a moment before the lease ran out": (
        oracle.holders_overlap,
        History([A1, replace(A2, expires_at=3.1), B1, B2], []),
    ),
    "a renewal that was overlooked": (
        oracle.holders_overlap,
        History([A1, replace(A2, expires_at=2.9), replace(A2, expires_at=9), B1, B2], []),
    ),
    "a lease that somebody cut short": (
        oracle.cut_short,
        History([A1, A2, replace(A3, status="expired", at=9.9), replace(B2, at=9.9)], []),
    ),
    "the later of two waiters first": (
        oracle.lines_jumped,
        History([A1, A2, WAITING, ONLY_B[0], A3, ONLY_B[1]], []),
    ),
    "a waiter passed although it waits for another part": (
        oracle.lines_jumped,
        History([replace(WAITING, parts=TITLE), replace(ONLY_B[1], parts=None)], []),
    ),
    "an equal token": (oracle.tokens_fell, History([A1, A2, A3, replace(B2, fence=1)], [])),
    "a token that falls in the log": (
        oracle.tokens_fell,
        History([A1, A2, A3, B2], [replace(WB, sync_id=6), replace(WA, sync_id=7)]),
    ),
    "the old holder's write after the next grant": (
        oracle.late_writes,
        History([A1, A2, A3, B2], [replace(WA, sync_id=7)]),
    ),
    "a write long after its lease, nobody else there": (
        oracle.late_writes,
        History([A1, A2], [replace(WA, written_at=20)]),
    ),
    "a plain write while it was held": (
        oracle.intruders,
        History([A1, A2, A3], [Write(6, "system:cron", at=2.5)]),
    ),
    "a plain write before anybody noticed the end": (
        oracle.intruders,
        History(
            [A1, A2, replace(A3, status="expired", stamp=9, at=12)],
            [Write(6, "system:cron", at=9.9)],
        ),
    ),
    "a plain write to the claimed part": (
        oracle.intruders,
        History([replace(A2, parts=TITLE)], [Write(6, "agent:b", at=2.5, parts=TITLE | BODY)]),
    ),
    "a waiter left behind": (oracle.unresolved, History([A1, A2, A3, B1], [])),
    "somebody without a turn": (lambda found: oracle.starved(found, ["agent:b"]), History([A2])),
    "an acknowledged section that is not there": (
        lambda found: oracle.miscounted(found, ["s1", "s3"]),
        RIGHT,
    ),
    "an acknowledged section that landed twice": (
        lambda found: oracle.miscounted(found, ["s1"]),
        History([], [WA, replace(WA, sync_id=8, row={"count": 2})]),
    ),
    "a section that wrote over another": (
        lambda found: oracle.miscounted(found, []),
        History([], [WA, replace(WB, row={"count": 1})]),
    ),
}


def test_a_lost_and_a_doubled_append_are_found() -> None:
    assert oracle.unlisted([["a"], ["b", "c"]], ["a", "c"]) == []
    assert len(oracle.unlisted([["a"], ["b", "a"]], ["a", "c"])) == 2


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    check, history = WRONG[name]
    assert len(check(history)) == 1


def test_a_right_history_is_right() -> None:
    assert oracle.problems(RIGHT) == []
    assert oracle.unresolved(RIGHT) == []
    assert oracle.starved(RIGHT, ["agent:a", "agent:b"]) == []
    assert oracle.miscounted(RIGHT, ["s1", "s2"]) == []


@pytest.mark.parametrize(
    "history",
    [
        History([A1, A2, B1, replace(B2, at=10.1)], [WA]),
        History([replace(A2, parts=TITLE), replace(B2, parts=BODY, at=2.5)],
                [replace(WB, parts=BODY), replace(WA, sync_id=8, parts=TITLE)]),
        History([A2, replace(B2, participant="agent:a", at=2.5)], [WA]),
        History([A2, replace(WAITING, expires_at=2.5), A3, *ONLY_B], [WA]),
        History([A2, replace(A3, status="expired", stamp=9, at=12)],
                [WA, Write(7, "system:cron", at=10.5)]),
        History([replace(A2, parts=TITLE)], [Write(6, "agent:b", at=2.5, parts=BODY)]),
    ],
    ids=["after the lease ran out", "disjoint parts", "one participant twice", "a dead waiter",
         "a plain write after the lease", "a write beside the claimed part"],
)  # fmt: skip
def test_what_only_looks_wrong_is_right(history: History) -> None:
    assert oracle.problems(history) == []
