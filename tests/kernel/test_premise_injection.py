"""No text of a premise or a track is run as SQL, and none shows another organization's rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle

from .board import Board, Caller, Json, create, update
from .test_isolation_injection import TYPED, hostile, many

Victim = tuple[Board, Caller]


@pytest.fixture(scope="module")
def victim(board_database: DatabaseHandle) -> Iterator[Victim]:
    with Board(board_database, "premised") as board:
        caller = board.caller()
        caller.commit(*[create(f"t{n}", title=f"title {n}", meta={"k": n}) for n in range(4)])
        board.caller("witness").commit(create("b1", title="theirs"))
        yield board, caller


def refused(call: Any) -> bool:
    """Run a call with a hostile text in it; any typed error is a refusal, others are raised."""
    try:
        call()
    except AbloError as error:
        if error.code not in TYPED | {"stale_context"}:
            raise
        return True
    return False


def unharmed(board: Board) -> bool:
    rows = "select organization_id, count(*), min(title) from tasks"
    found = board.rows(f"{rows} where organization_id in ('premised', 'witness') group by 1")
    return sorted(found) == [("premised", 4, "title 0"), ("witness", 1, "theirs")]


def lands(caller: Caller, *reads: Json) -> bool:
    """Whether a commit on these premises lands; any typed refusal is a no."""
    touch = update("t0", count=1)
    return not refused(lambda: caller.commit(touch, reads=list(reads)))


@many
@given(text=hostile, field=st.sampled_from(["title", "id", "status", "projectId", "meta", "count"]))
def test_filters_of_premises_are_data(victim: Victim, text: str, field: str) -> None:
    board, caller = victim
    head = caller.snapshot([])["stamp"]
    premise = {"model": "tasks", "readAt": head, "ids": [text]}
    caller.commit(update("t1", title="title 1", count=int(head) % 7))
    for word in ("=", "!=", "like", "in", text):
        value = [text] if word == "in" else text
        for where in ([[field, word, value]], [[text, "=", value]], [["title", "=", value, text]]):
            refused(
                lambda where=where: caller.commit(
                    update("t2", count=2), reads=[premise | {"where": where}]
                )
            )
    assert lands(caller, premise | {"where": [["title", "=", f"{text}!"]]})
    assert not lands(caller, premise | {"where": [["title", "!=", f"{text}!"]]})
    assert unharmed(board)


@many
@given(text=hostile.filter(bool))
def test_tracks_are_data(victim: Victim, text: str) -> None:
    board, caller = victim
    stranger = board.caller("witness", caller.participant)
    for target in (
        {"model": "tasks", "id": text},
        {"group": text},
        {"model": text, "id": "t0"},
        {"model": "tasks", "id": "t0", "onStale": text},
        {"model": "tasks", "id": "t0", "readAt": text},
    ):
        refused(lambda target=target: caller.commit(track=[target]))
    listed = "select ablo.track_list(%s, %s)"
    found = caller.call(listed, "premised", caller.participant)
    assert {one.get("id", one.get("group")) for one in found} == {text}
    assert caller.call(listed, "witness", caller.participant) == []
    stranger.commit(update("b1", title="theirs"))
    receipt = caller.commit(update("t0", count=1))
    assert "witness" not in json.dumps(receipt)
    remove = "select ablo.track_remove(%s, %s, %s::jsonb)"
    targets = json.dumps([{"model": "tasks", "id": text}])
    assert caller.call(remove, "witness", caller.participant, targets) == 0
    assert caller.call(remove, "premised", caller.participant, targets) == 1
    caller.call(remove, "premised", caller.participant, None)
    stranger.conn.close()
    assert unharmed(board)


def test_the_same_participant_of_another_organization_is_somebody_else(board: Board) -> None:
    mine, theirs = board.caller(), board.caller("elsewhere")
    for caller in (mine, theirs):
        caller.commit(create("shared"))
        caller.commit(track=[{"model": "tasks", "id": "shared", "onStale": "reject"}])
    before = mine.snapshot([])["stamp"]
    board.caller("elsewhere", "user:ann").commit(update("shared", title="theirs"))
    premise: dict[str, Any] = {"model": "tasks", "where": [], "readAt": before, "ids": ["shared"]}
    receipt = mine.commit(create("x"), reads=[premise])
    assert "notifications" not in receipt
    key = receipt["clientTxId"]
    get = "select ablo.receipt_get(%s, %s, %s)"
    assert mine.call(get, mine.organization, mine.participant, key) == receipt
    assert mine.call(get, "elsewhere", mine.participant, key) is None
    assert mine.call(get, mine.organization, "user:ann", key) is None
