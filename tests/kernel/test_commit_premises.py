"""What a commit says it read: rows, fields, groups, absences. One that broke refuses it all."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloStaleContextError

from .board import Board, Caller, Door, create, op, update

doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(create("p1", "projects", name="P"), create("t1", projectId="p1"), create("t2"))
    return made


@pytest.fixture
def other(board: Board, caller: Caller) -> Caller:
    return board.caller(participant="user:ann")


def stale(board: Board, caller: Caller, *operations: Any, **options: Any) -> AbloStaleContextError:
    """Run a commit that must be refused as stale, and leave nothing."""
    before = board.traces()
    with pytest.raises(AbloStaleContextError) as caught:
        caller.commit(*operations, **options)
    assert board.traces() == before
    assert caught.value.remedy
    return caught.value


def premise(read_at: int, row_id: str = "t1", **more: Any) -> dict[str, Any]:
    return {"model": "tasks", "id": row_id, "readAt": read_at, **more}


@doors
def test_a_write_at_the_rows_stamp_lands(caller: Caller, door: Door) -> None:
    caller.commit(update("t1", caller.stamp("t1"), count=1), door=door)
    head = caller.snapshot([])["stamp"]
    caller.commit(update("t1", head, count=2), door=door)
    assert caller.get("tasks", "t1")["row"]["count"] == 2


@doors
@pytest.mark.parametrize("action", ["update", "delete", "archive", "unarchive"])
def test_a_stale_write_says_who_moved_what(
    board: Board, caller: Caller, other: Caller, door: Door, action: str
) -> None:
    read_at = caller.stamp("t1")
    moved = other.commit(update("t1", count=7))["lastSyncId"]
    error = stale(board, caller, create("t3"), op(action, "tasks", "t1", readAt=read_at), door=door)
    assert (error.code, error.model, error.row_id) == ("stale_context", "tasks", "t1")
    assert error.details["conflicts"] == [
        {
            "model": "tasks",
            "id": "t1",
            "readAt": read_at,
            "observedSyncId": moved,
            "writtenBy": {"kind": "user", "id": "ann"},
        }
    ]


@doors
def test_ones_own_writes_count_too(board: Board, caller: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    caller.commit(update("t1", count=1))
    stale(board, caller, update("t1", read_at, count=2), door=door)


@doors
def test_a_guarded_operation_and_others_on_one_row_are_one_commit(
    caller: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    caller.commit(update("t1", read_at, count=1), update("t1", title="x"), door=door)
    row = caller.get("tasks", "t1")["row"]
    assert (row["count"], row["title"]) == (1, "x")


@doors
def test_overwrite_lands_all_the_same(caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", count=7))
    caller.commit(update("t1", read_at, "overwrite", count=8), door=door)
    assert caller.get("tasks", "t1")["row"]["count"] == 8


@doors
def test_a_plain_sql_write_breaks_a_premise(board: Board, caller: Caller, door: Door) -> None:
    read_at = caller.stamp("t1")
    board.run("update tasks set title = 'psql' where id = 't1' and organization_id = '{org}'")
    error = stale(board, caller, update("t1", read_at, count=1), door=door)
    assert error.details["conflicts"][0]["writtenBy"] == {"kind": "system", "id": "postgres"}


@doors
@pytest.mark.parametrize("end", ["delete", "recreate", "archive"])
def test_the_end_of_a_row_breaks_a_premise_on_it(
    board: Board, caller: Caller, other: Caller, door: Door, end: str
) -> None:
    read_at = caller.stamp("t2")
    other.commit(op("archive" if end == "archive" else "delete", "tasks", "t2"))
    if end == "recreate":
        other.commit(create("t2"))
    reads = [premise(read_at, "t2")]
    stale(board, caller, create("t3"), reads=reads, door=door)


@doors
def test_premises_beside_the_written_row(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.snapshot([])["stamp"]
    caller.commit(update("t1", count=1), reads=[premise(read_at, "t2")], door=door)
    moved = caller.snapshot([])["stamp"]
    other.commit(update("t1", count=5), update("t2", count=5))
    reads = [premise(moved, "t2"), premise(moved, "t1"), premise(moved + 2, "t1")]
    error = stale(board, caller, create("t3"), reads=reads, door=door)
    assert [one["id"] for one in error.details["conflicts"]] == ["t2", "t1"], "all that moved"
    overwriting = [one | {"onStale": "overwrite"} for one in reads]
    caller.commit(create("t3"), reads=overwriting, door=door)


@doors
def test_disjoint_fields_never_conflict(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", title="new", dueAt="2026-01-01T00:00:00Z"))
    caller.commit(
        update("t1", count=1), reads=[premise(read_at, fields=["count", "status"])], door=door
    )
    for fields in (["title"], ["count", "dueAt"], ["updatedAt"], ["title", "title"]):
        stale(board, caller, create("t3"), reads=[premise(read_at, fields=fields)], door=door)


@doors
def test_a_field_set_to_what_it_was_has_not_changed(
    caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t1")
    other.commit(update("t1", title="t1", count=0))
    caller.commit(create("t3"), reads=[premise(read_at, fields=["title", "count"])], door=door)


@doors
def test_a_delete_breaks_a_premise_on_any_field(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.stamp("t2")
    other.commit(op("delete", "tasks", "t2"))
    stale(board, caller, create("t3"), reads=[premise(read_at, "t2", fields=["count"])], door=door)


@doors
def test_a_group_moves_with_each_of_its_rows(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    read_at = caller.snapshot([])["stamp"]
    other.commit(update("t2", count=3))
    group = {"group": "projects:p1", "readAt": read_at}
    caller.commit(create("t4"), reads=[group], door=door)
    for name in (f"org:{board.organization}", "default"):
        stale(board, caller, create("t5"), reads=[group | {"group": name}], door=door)
    moved = other.commit(create("t6", projectId="p1"))["lastSyncId"]
    error = stale(board, caller, create("t5"), reads=[group], door=door)
    (conflict,) = error.details["conflicts"]
    assert (conflict["group"], conflict["observedSyncId"]) == ("projects:p1", moved)
    assert error.message.startswith(f"projects:p1 has changed since it was read at {read_at}: ")
    other.commit(update("t6", projectId=None))
    stale(board, caller, create("t5"), reads=[group | {"readAt": moved}], door=door)


@doors
def test_absence(board: Board, caller: Caller, other: Caller, door: Door) -> None:
    absent = [{"model": "tasks", "id": "t9", "absent": True}]
    caller.commit(create("t3"), reads=absent, door=door)
    caller.commit(create("t9"), reads=absent, door=door)
    stale(board, caller, create("t4"), reads=absent, door=door)
    other.commit(op("delete", "tasks", "t9"))
    caller.commit(create("t4"), reads=absent, door=door)
    other.commit(create("t9"))
    stale(board, caller, create("t5"), reads=absent, door=door)


@doors
def test_absence_of_a_row_that_the_log_does_not_know(
    board: Board, caller: Caller, door: Door
) -> None:
    """A table that was there before the model was has rows without deltas."""
    with board.admin.transaction():
        board.run("alter table tasks disable trigger zz_ablo_capture")
        board.run(
            "insert into tasks (organization_id, id, title, status, count)"
            " values ('{org}', 'old', 'x', 'todo', 0), ('other', 't9', 'x', 'todo', 0)"
            " on conflict do nothing"
        )
        board.run("alter table tasks enable always trigger zz_ablo_capture")
    stale(board, caller, create("t4"), reads=[{"model": "tasks", "id": "old", "absent": True}])
    caller.commit(create("t4"), reads=[{"model": "tasks", "id": "t9", "absent": True}], door=door)


@doors
def test_a_create_can_be_guarded(board: Board, caller: Caller, other: Caller, door: Door) -> None:
    read_at = caller.stamp("t9")
    other.commit(create("t9"), op("delete", "tasks", "t9"))
    stale(board, caller, create("t9") | {"readAt": read_at}, door=door)
    caller.commit(create("t9") | {"readAt": caller.stamp("t9")}, door=door)


def test_what_the_log_no_longer_holds_is_stale(own_board: Board) -> None:
    caller = own_board.caller()
    caller.commit(create("t1"), create("t2"))
    own_board.run("update ablo.log_state set dropped_through = 2")
    error = stale(own_board, caller, update("t1", 1, count=1))
    assert error.model == "tasks"
    caller.commit(update("t1", 2, count=1))


def test_fields_of_a_row_are_checked_against_its_last_changes_only(own_board: Board) -> None:
    """The check holds the organization's commits up: it passes over so many changes at most."""
    own_board.run(
        "create or replace function ablo.walk_limit() returns int language sql immutable"
        " parallel safe as 'select 5'"
    )
    caller, other = own_board.callers(2)
    caller.commit(create("t1"), create("t2"))
    read_at = caller.stamp("t1")
    fields = [{"model": "tasks", "id": "t1", "fields": ["title"], "readAt": read_at}]
    for count in range(5):
        other.commit(update("t1", count=count))
        other.commit(update("t2", count=count))
    caller.commit(update("t2", count=9), reads=fields)
    other.commit(update("t1", count=9))
    error = stale(own_board, caller, update("t2", count=10), reads=fields)
    assert "more than 5 of its changes" in str(error)
    whole = [{"model": "tasks", "id": "t1", "readAt": caller.stamp("t1")}]
    caller.commit(update("t2", count=10), reads=whole)
