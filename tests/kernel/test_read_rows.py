"""row_get, snapshot_read, delta_read, log_head: what they return, and from one snapshot."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Caller, create, op, update

BASE = {"id", "createdAt", "updatedAt", "organizationId", "createdBy", "archivedAt"}


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


def head(caller: Caller) -> int:
    return int(caller.call("select ablo.log_head(%s)", caller.organization))


def deltas(caller: Caller, after: int, limit: int = 1000, through: int | None = None) -> list[Any]:
    query = "select sync_id, op, row_id from ablo.delta_read(%s, %s, %s, %s)"
    return caller.conn.execute(query, (caller.organization, after, limit, through)).fetchall()


def test_an_empty_organization(caller: Caller) -> None:
    assert head(caller) == 0
    assert caller.get("tasks", "t1") == {"row": None, "stamp": 0}
    page = caller.list("tasks", {})
    assert page == {"data": [], "evidence": [], "stamp": 0, "hasMore": False, "nextCursor": None}
    assert caller.snapshot([]) == {"stamp": 0, "rows": []}


def test_a_row_and_the_stamp_of_its_last_change(caller: Caller) -> None:
    first = caller.commit(create("t1", price="1.50", meta={"a": [1, None]}))["lastSyncId"]
    last = caller.commit(create("t2"))["lastSyncId"]
    found = caller.get("tasks", "t1")
    assert found["stamp"] == first
    assert set(found["row"]) > BASE
    assert found["row"]["price"] == "1.50"
    assert found["row"]["meta"] == {"a": [1, None]}
    assert caller.get("tasks", "t9") == {"row": None, "stamp": last}
    gone = caller.commit(op("delete", "tasks", "t1"))["lastSyncId"]
    assert caller.get("tasks", "t1") == {"row": None, "stamp": gone}


def test_a_snapshot_has_every_target_in_order(caller: Caller) -> None:
    caller.commit(create("t1"), create("p1", "projects", name="P"))
    targets = [("projects", "p1"), ("tasks", "nope"), ("TASKS", "t1")]
    found = caller.snapshot([{"model": model, "id": row_id} for model, row_id in targets])
    assert found["stamp"] == head(caller)
    assert [(row["model"], row["id"]) for row in found["rows"]] == targets
    assert [row["row"] is None for row in found["rows"]] == [False, True, False]
    assert found["rows"][2]["row"] == caller.get("tasks", "t1")["row"]


def test_a_model_that_all_share_can_be_read(board: Board, caller: Caller) -> None:
    board.run("insert into countries (id, name) values ('np', 'Nepal') on conflict do nothing")
    assert caller.get("countries", "np")["row"]["name"] == "Nepal"
    assert [row["id"] for row in caller.list("countries", {})["data"]] == ["np"]


def test_reads_see_the_statements_snapshot(board: Board, caller: Caller) -> None:
    """A row that lands while a statement runs is in none of its reads."""
    caller.commit(create("t1"))
    writer = board.caller()
    with caller.conn.transaction():
        caller.conn.execute("set transaction isolation level repeatable read")
        before = caller.list("tasks", {}), head(caller)
        writer.commit(update("t1", count=1), create("t2"))
        assert (caller.list("tasks", {}), head(caller)) == before
        assert caller.get("tasks", "t2") == {"row": None, "stamp": before[1]}
    assert len(caller.list("tasks", {})["data"]) == 2


def test_deltas_after_a_cursor_in_order(board: Board, caller: Caller) -> None:
    board.caller(f"{board.organization}-b").commit(create("x"))
    for n in range(5):
        caller.commit(create(f"t{n}"))
    caller.commit(op("delete", "tasks", "t0"))
    found = deltas(caller, 0)
    ids = [sync_id for sync_id, _, _ in found]
    assert [(letter, row_id) for _, letter, row_id in found] == [
        *[("I", f"t{n}") for n in range(5)],
        ("D", "t0"),
    ]
    assert ids == sorted(ids)
    assert head(caller) == ids[-1]
    assert deltas(caller, ids[2]) == found[3:]
    assert deltas(caller, ids[2], 2) == found[3:5]
    assert deltas(caller, ids[1], 10, ids[3]) == found[2:4]
    assert deltas(caller, ids[-1]) == []
    assert len(deltas(caller, 0, 0)) == 1, "a page is never empty before the end"


@pytest.mark.parametrize(
    ("cursor", "code"), [(None, "cursor_invalid"), (-1, "cursor_invalid"), (2**62, "cursor_ahead")]
)
def test_cursors_that_were_never_handed_out(caller: Caller, cursor: int | None, code: str) -> None:
    with pytest.raises(AbloError) as caught:
        caller.call("select ablo.delta_read(%s, %s, 10, null)", caller.organization, cursor)
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_cursor_older_than_the_log_is_kept(own_board: Board) -> None:
    caller = own_board.caller()
    for n in range(4):
        caller.commit(create(f"t{n}"))
    own_board.run("update ablo.log_state set dropped_through = 2")
    own_board.run("delete from ablo.delta where sync_id <= 2")
    with pytest.raises(AbloError) as caught:
        caller.call("select ablo.delta_read('acme', 1, 10, null)")
    assert caught.value.code == "snapshot_required"
    assert caught.value.details == {"cursor": 1, "keptAfter": 2}
    assert [sync_id for sync_id, _, _ in deltas(caller, 2)] == [3, 4]
    assert caller.call("select ablo.log_head('nobody')") == 2


def test_status_of_a_sound_database(caller: Caller) -> None:
    status = caller.call("select ablo.status()")
    assert (status["ready"], status["drift"]) == (True, [])
    assert status["schema"]["version"] == 1
