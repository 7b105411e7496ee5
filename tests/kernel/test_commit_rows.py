"""A commit with "returning": its rows beside the receipt, in the same answer."""

from __future__ import annotations

import pytest

from .board import Board, Caller, Door, create, op, update
from .key_calls import Holder, Keys


@pytest.fixture
def caller(board: Board) -> Caller:
    return board.caller()


DOORS = pytest.mark.parametrize("door", ["commit", "batch"])


@DOORS
def test_rows_come_with_the_receipt(caller: Caller, door: Door) -> None:
    answer = caller.commit(create("t1"), create("t2", count=3), returning=True, door=door)
    first, second = answer["rows"]
    assert first["row"]["title"] == "t1"
    assert second["row"]["count"] == 3
    assert first["stamp"] < second["stamp"] == answer["lastSyncId"]
    assert second == caller.get("tasks", "t2")
    gone, left = caller.commit(
        op("delete", "tasks", "t1"), update("t2", count=4), returning=True, door=door
    )["rows"]
    assert gone["row"] is None
    assert left["row"]["count"] == 4


@DOORS
def test_only_a_commit_that_asks_gets_rows(caller: Caller, door: Door) -> None:
    for asked in (None, False):
        assert "rows" not in caller.commit(create(f"t{asked}"), returning=asked, door=door)


@DOORS
def test_how_a_commit_is_answered_is_no_part_of_the_request(caller: Caller, door: Door) -> None:
    first = caller.commit(create("t1"), key="k", returning=True, door=door)
    rows = first.pop("rows")
    assert caller.commit(create("t1"), key="k", door=door) == first, "the receipt has no rows"
    assert caller.commit(create("t1"), key="k", returning=True, door=door) == first | {"rows": rows}


@DOORS
def test_a_replay_is_given_the_row_as_it_is(caller: Caller, door: Door) -> None:
    first = caller.commit(create("t1"), key="k", returning=True, door=door)
    caller.commit(update("t1", count=7))
    (read,) = caller.commit(create("t1"), key="k", returning=True, door=door)["rows"]
    assert read["row"]["count"] == 7
    caller.commit(op("delete", "tasks", "t1"))
    again = caller.commit(create("t1"), key="k", returning=True, door=door)
    assert again["rows"][0]["row"] is None
    assert again["lastSyncId"] == first["lastSyncId"]


@DOORS
def test_a_key_gets_the_rows_that_it_may_read(board: Board, caller: Caller, door: Door) -> None:
    keys = Keys(board)
    caller.commit(create("p1", "projects", name="x"), create("p2", "projects", name="x"))
    caller.commit(create("t1", projectId="p1"))
    writes = ["tasks.create", "tasks.update"]
    blind = Holder(board, keys.create("agent:a", "rk", operations=writes))
    answer = blind.write(update("t1", count=1), returning=True, door=door)
    assert answer["rows"] == [None]
    assert answer["ops"] == 1
    bound = Holder(board, keys.create("agent:b", "rk", syncGroups=["projects:p1", "projects:p2"]))
    (read,) = bound.write(update("t1", projectId="p2"), returning=True, door=door)["rows"]
    assert read["row"]["projectId"] == "p2"


@DOORS
def test_an_answer_is_bounded(caller: Caller, door: Door) -> None:
    large = "x" * 1_000_000
    caller.commit(*[create(f"t{n}", meta={"x": large}) for n in range(5)])
    five = [update(f"t{n}", count=1) for n in range(5)]
    answer = caller.commit(*five, returning=True, door=door)
    assert answer["ops"] == 5
    assert "rows" not in answer, "they are the caller's to read"


def test_a_batch_is_bounded(caller: Caller) -> None:
    large = "x" * 1_000_000
    caller.commit(*[create(f"t{n}", meta={"x": large}) for n in range(7)])
    ask = [
        {"request": {"operations": [update(f"t{n}", count=1)], "returning": True}} for n in range(7)
    ]
    answers = [receipt for receipt, _ in caller.batch(ask)]
    assert [receipt["ops"] for receipt in answers if receipt] == [1] * 7
    assert ["rows" in (receipt or ()) for receipt in answers] == [True] * 5 + [False] * 2


@DOORS
def test_the_row_is_the_operations_though_its_trigger_writes_another(
    own_board: Board, door: Door
) -> None:
    """The capture hands rows on; the last one that it captures is another model's, of this id."""
    own_board.run(
        "create function public.note() returns trigger language plpgsql as $$ begin"
        " insert into notes (organization_id, id, text) values (new.organization_id, new.id, 'x');"
        " return null; end $$;"
        "create trigger note after update on tasks for each row execute function public.note()"
    )
    caller = own_board.caller()
    caller.commit(create("t1"))
    answer = caller.commit(update("t1", count=5), returning=True, door=door)
    (read,) = answer["rows"]
    assert read["row"]["count"] == 5
    assert read["stamp"] <= answer["lastSyncId"], "the trigger fires before or after the capture"
    assert read == caller.get("tasks", "t1")


@DOORS
def test_a_capture_that_hands_nothing_on_changes_no_answer(own_board: Board, door: Door) -> None:
    """As in a database whose schema was compiled before its kernel was upgraded."""
    source = own_board.value("select pg_get_functiondef('ablo_model.tasks__capture'::regproc)")
    assert "'ablo.row'" in source
    own_board.admin.execute(source.replace("'ablo.row'", "'ablo.none'").encode())
    caller = own_board.caller()
    caller.commit(create("t1"))
    answer = caller.commit(update("t1", count=5), returning=True, door=door)
    assert answer["rows"] == [caller.get("tasks", "t1")]


def test_a_row_is_handed_on_to_its_own_commit_only(caller: Caller) -> None:
    with caller.conn.transaction():
        caller.commit(create("t1"), returning=True)
        assert "rows" not in caller.commit(update("t1", count=1))
        (read,) = caller.commit(op("delete", "tasks", "none"), returning=True)["rows"]
        assert read["row"] is None
        (read,) = caller.commit(update("t1", count=2), returning=True)["rows"]
        assert read["row"]["count"] == 2


@DOORS
@pytest.mark.parametrize("operations", ['"operations": null, ', '"operations": [], ', ""])
def test_a_commit_that_only_tracks_has_no_rows(caller: Caller, door: Door, operations: str) -> None:
    stamp = caller.commit(create("t1"))["lastSyncId"]
    track = f'"track": [{{"model": "tasks", "id": "t1", "readAt": {stamp}}}]'
    answer = caller.commit_text(f'{{{operations}{track}, "returning": true}}', "k", door)
    assert answer["ops"] == 0
    assert answer["rows"] == []
