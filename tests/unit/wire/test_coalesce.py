"""One delta a row and frame: the last state that it leaves, whatever happened in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.delta import Delta, Op
from ablo_pg.wire.coalesce import coalesce

# What a row may do next, by what it is: missing, live or archived.
NEXT: Final[dict[str, dict[Op, str]]] = {
    "missing": {"I": "live"},
    "live": {"U": "live", "D": "missing", "A": "archived"},
    "archived": {"U": "archived", "D": "missing", "V": "live"},
}


def delta(sync_id: int, row_id: str, op: Op, changed: tuple[str, ...] = ()) -> Delta:
    row = None if op == "D" else b'{"n":%d}' % sync_id
    who = ("user:a", None, None, None, f"tx_{sync_id}", 1, "2026-01-01T00:00:00+00:00")
    return Delta(sync_id, "acme", "tasks", row_id, op, ("org:acme",), row, changed, *who)


def history(ops: str, row_id: str = "r") -> list[Delta]:
    names: dict[str, Op] = {"I": "I", "U": "U", "D": "D", "A": "A", "V": "V"}
    return [delta(n, row_id, names[op], (f"f{n}",)) for n, op in enumerate(ops, 1)]


@pytest.mark.parametrize(
    ("ops", "sent"),
    [
        ("IU", "I"), ("IUUU", "I"), ("UU", "U"), ("ID", "D"), ("UD", "D"), ("DI", "I"),
        ("DIU", "I"), ("UDI", "I"), ("IA", "A"), ("IAV", "I"), ("AU", "A"), ("AV", "V"),
        ("VU", "V"), ("VA", "A"), ("UA", "A"), ("UAV", "V"), ("DU", "I"), ("IDI", "I"),
    ],
)  # fmt: skip
def test_what_is_sent_of_one_row(ops: str, sent: str) -> None:
    (found,) = coalesce(history(ops))
    assert (found.op, found.sync_id) == (sent, len(ops))
    assert found.row == history(ops)[-1].row


def test_all_that_updates_changed_is_told() -> None:
    assert coalesce(history("UUU"))[0].changed == ("f1", "f2", "f3")
    assert coalesce(history("IU"))[0].changed == ()


def test_a_frame_without_repeats_is_left_alone() -> None:
    deltas = [delta(1, "a", "I"), delta(2, "b", "U")]
    assert coalesce(deltas) is deltas
    twins = [delta(1, "a", "I"), delta(2, "a", "U")._replace(model="notes")]
    assert coalesce(twins) is twins


def keeps_the_first(known: dict[str, Any], frame: Sequence[Delta]) -> None:
    """Apply a frame as the SDK does: of the deltas of one row that come together the first."""
    seen: set[str] = set()
    for one in frame:
        if one.row_id not in seen:
            seen.add(one.row_id)
            apply(known, one)


def apply(known: dict[str, Any], one: Delta) -> None:
    if one.op in ("D", "A"):
        known.pop(one.row_id, None)
    elif one.op != "U" or one.row_id in known:  # an update of what is not here is of no use
        known[one.row_id] = one.row


@st.composite
def logs(draw: st.DrawFn) -> list[Delta]:
    states = {row: draw(st.sampled_from(["missing", "live"])) for row in "abc"}
    found = [delta(n, row, "I") for n, row in enumerate(states, 1) if states[row] == "live"]
    for sync_id in range(10, 10 + draw(st.integers(0, 14))):
        row = draw(st.sampled_from("abc"))
        op = draw(st.sampled_from(sorted(NEXT[states[row]])))
        states[row] = NEXT[states[row]][op]
        found.append(delta(sync_id, row, op))
    return found


@given(logs(), st.integers(1, 14))
def test_a_client_that_keeps_the_first_ends_where_all_deltas_lead(
    log: list[Delta], size: int
) -> None:
    expected: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for one in log:
        apply(expected, one)
    start = [one for one in log if one.sync_id < 10]
    rest = log[len(start) :]
    keeps_the_first(known, start)
    ids: list[int] = []
    for first in range(0, len(rest), size):
        frame = coalesce(rest[first : first + size])
        ids += [one.sync_id for one in frame]
        assert frame[-1].sync_id == rest[first : first + size][-1].sync_id, "it is acknowledged"
        keeps_the_first(known, frame)
    assert known == expected
    assert ids == sorted(set(ids))
