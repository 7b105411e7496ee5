"""The checker of /ready, on values: each way to lie is seen, and the truth is none."""

from __future__ import annotations

import pytest

from .readiness import AGE_LIMIT, SETTLED, SLACK, Passage, Said, lies

STEP = 0.1
CUT, BACK, END = 20.0, 40.0, 70.0  # seconds: the path is shut in between


def passages(cut: float = CUT, back: float = BACK) -> list[Passage]:
    """What is written comes at once, or when the path is open again."""
    times = [n * STEP for n in range(round(END / STEP))]
    return [Passage(at, at if not cut <= at < back else back) for at in times]


def said(deaf: float = CUT + AGE_LIMIT, back: float = BACK + 0.5) -> list[Said]:
    """What a relay says that notices and recovers at these times."""
    times = [n * STEP for n in range(round(END / STEP))]
    return [Said(at, at + 0.01, not deaf < at < back, ("a reason",)) for at in times]


def test_the_truth_is_no_lie() -> None:
    assert lies(said(), passages()) == []
    assert lies(said(CUT), passages()) == [], "it may notice at once"
    assert lies([], []) == lies(said(), []) == []


@pytest.mark.parametrize("late", [AGE_LIMIT + SLACK + 0.5, 100.0])
def test_who_boasts_is_caught(late: float) -> None:
    [found] = lies(said(CUT + late), passages())
    assert "said ready" in found


@pytest.mark.parametrize("late", [SETTLED + 0.5, 100.0])
def test_who_raises_a_false_alarm_is_caught(late: float) -> None:
    [found] = lies(said(back=BACK + late), passages())
    assert "of an open path: a reason" in found


def test_a_path_that_is_late_is_not_open() -> None:
    """Everything comes, but a minute after it was written."""
    late = [Passage(at - 60, at) for at, _ in passages()]
    [found] = lies(said(END, END), late)
    assert "said ready" in found
    assert lies(said(0, END), late) == []


def test_no_answer_is_no_lie() -> None:
    silent = [each._replace(ready=None) for each in said()]
    assert lies(silent, passages()) == []
    again = [each if n % 20 else each._replace(ready=None) for n, each in enumerate(said(0, END))]
    assert lies(again, passages()) == [], "who is started again and again has reasons"
