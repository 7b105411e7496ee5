"""The demo's own check catches a stream that loses, repeats, reorders or invents a change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ablo_pg.cli.demo.messages import Retried, Saw, Wrote, heard
from ablo_pg.cli.demo.schema import SHARED
from ablo_pg.cli.demo.verify import Evidence, latencies, problems


def row(row_id: str, edits: int = 0) -> dict[str, Any]:
    return {"id": row_id, "edits": edits}


def good() -> Evidence:
    wrote = [
        Wrote(1, "create", SHARED, 10),
        Wrote(3, "create", "b", 30),
        Wrote(2, "update", SHARED, 20),
        Wrote(4, "create", "c", 40),
        Wrote(5, "delete", "c", 50),
    ]
    saw = [
        Saw(1, "create", SHARED, "user:a", 11, row(SHARED)),
        Saw(2, "update", SHARED, "user:a", 21, row(SHARED, 1)),
        Saw(3, "create", "b", "user:a", 2_000_031, row("b")),
        Saw(4, "create", "c", "user:a", 41, row("c")),
        Saw(5, "delete", "c", "user:a", 51, None),
    ]
    return Evidence(wrote, [Retried(3)], saw, {SHARED: row(SHARED, 1), "b": row("b")})


def test_a_whole_stream_has_no_problems() -> None:
    assert problems(good()) == []


@pytest.mark.parametrize("missing", range(5))
def test_a_lost_change_is_found(missing: int) -> None:
    saw = [one for at, one in enumerate(good().saw) if at != missing]
    assert any("never arrived" in text for text in problems(replace(good(), saw=saw)))


@pytest.mark.parametrize("twice", range(5))
def test_a_repeated_change_is_found(twice: int) -> None:
    saw = [*good().saw[: twice + 1], *good().saw[twice:]]
    assert problems(replace(good(), saw=saw))


def test_two_changes_in_the_wrong_order_are_found() -> None:
    first, second, *rest = good().saw
    found = problems(replace(good(), saw=[second, first, *rest]))
    assert any("arrived after" in text for text in found)


def test_a_change_that_nobody_made_is_found() -> None:
    saw = [*good().saw, Saw(6, "update", "b", "user:x", 60, row("b"))]
    assert any("0 writes" in text for text in problems(replace(good(), saw=saw)))


def test_a_wrong_row_is_found() -> None:
    found = problems(replace(good(), table={SHARED: row(SHARED, 1), "b": row("b", 9)}))
    assert found == ["row b differs from the table"]


def test_a_lost_update_is_found() -> None:
    wrote = [*good().wrote, Wrote(6, "update", SHARED, 60)]
    saw = [*good().saw, Saw(6, "update", SHARED, "user:a", 61, row(SHARED, 1))]
    found = problems(replace(good(), wrote=wrote, saw=saw))
    assert found == ["2 counts were confirmed, 1 are stored"]


def test_a_retry_that_was_applied_again_is_found() -> None:
    assert problems(replace(good(), retried=[Retried(99)]))


def test_latencies_are_milliseconds_from_sent_to_seen() -> None:
    waits = latencies(good().wrote, good().saw)
    assert waits[-1] == pytest.approx(2.000001)


def test_messages_survive_the_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    from ablo_pg.cli.demo.messages import tell

    for message in (*good().wrote, *good().saw, *good().retried):
        tell(message)  # type: ignore[arg-type]
        assert heard(capsys.readouterr().out.encode()) == message
