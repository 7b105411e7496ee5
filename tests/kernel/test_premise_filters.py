"""A filter as a premise: "what this lists has not changed", whoever changed it and how."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.errors import AbloError, AbloStaleContextError

from .board import Board, Caller, Door, Json, create, op, update

doors = pytest.mark.parametrize("door", ["commit", "batch"])
TODO = [["status", "=", "todo"]]


@pytest.fixture
def caller(board: Board) -> Caller:
    made = board.caller()
    made.commit(
        create("a", title="A"), create("b", status="done"), create("c", count=5, urgent=True)
    )
    return made


@pytest.fixture
def other(board: Board, caller: Caller) -> Caller:
    return board.caller(participant="user:ann")


def page(caller: Caller, where: Any, **query: Any) -> Json:
    """List tasks; return the page as a premise."""
    found = caller.list("tasks", {"where": where, **query})
    premise = {"model": "tasks", "where": where, "readAt": found["stamp"]}
    premise["archived"] = query.get("archived", False)
    return premise | {"ids": [one["id"] for one in found["evidence"]]}


def holds(caller: Caller, *reads: Json, door: Door = "commit") -> bool:
    """Whether a commit on these premises lands."""
    try:
        new = create(f"new{caller.snapshot([])['stamp']}", "projects", name="x")
        caller.commit(new, reads=list(reads), door=door)
    except AbloStaleContextError:
        return False
    return True


@doors
def test_a_list_that_has_not_changed(caller: Caller, other: Caller, door: Door) -> None:
    done = page(caller, [["status", "=", "done"]])
    other.commit(update("a", title="still todo"), create("d"))
    assert holds(caller, done, door=door)


@doors
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (create("d"), "created in it"),
        (update("b", status="todo"), "moved into it"),
        (update("a", status="doing"), "moved out of it"),
        (update("a", title="new"), "changed on it"),
        (op("delete", "tasks", "a"), "deleted from it"),
        (op("archive", "tasks", "a"), "archived from it"),
    ],
    ids=lambda one: one if isinstance(one, str) else None,
)
def test_what_breaks_it(
    board: Board, caller: Caller, other: Caller, door: Door, change: Json, why: str
) -> None:
    todo = page(caller, TODO)
    moved = other.commit(change)["lastSyncId"]
    before = board.traces()
    with pytest.raises(AbloStaleContextError) as caught:
        caller.commit(create("new"), reads=[todo], door=door)
    assert board.traces() == before
    (conflict,) = caught.value.details["conflicts"]
    assert conflict == {
        "model": "tasks",
        "id": change["id"],
        "where": TODO,
        "readAt": todo["readAt"],
        "observedSyncId": moved,
        "writtenBy": {"kind": "user", "id": "ann"},
    }
    assert holds(caller, page(caller, TODO), door=door)


@doors
def test_what_does_not(caller: Caller, other: Caller, door: Door) -> None:
    todo = page(caller, TODO)
    other.commit(create("d", status="done"), update("b", title="x"), op("delete", "tasks", "b"))
    other.commit(create("e"), op("delete", "tasks", "e"))  # came and went
    other.commit(create("f"))
    other.commit(update("f", status="done"))
    other.commit(op("create", "notes", "n", {"text": "another model"}))
    assert holds(caller, todo, door=door)


@doors
def test_ones_own_writes_of_the_commit_neither_count_nor_hide(
    board: Board, caller: Caller, other: Caller, door: Door
) -> None:
    todo = page(caller, TODO)
    caller.commit(create("mine"), update("a", title="mine"), reads=[todo], door=door)
    todo = page(caller, TODO)
    other.commit(update("b", status="todo"))
    for hiding in (update("b", status="done"), op("delete", "tasks", "b")):
        with pytest.raises(AbloStaleContextError):
            caller.commit(hiding, reads=[todo], door=door)
    assert caller.get("tasks", "b")["row"]["status"] == "todo"


@doors
def test_archived_rows_count_where_they_were_asked_for(
    caller: Caller, other: Caller, door: Door
) -> None:
    other.commit(op("archive", "tasks", "c"))
    live, every = page(caller, TODO), page(caller, TODO, archived=True)
    other.commit(update("c", title="in the archive"))
    assert holds(caller, live, door=door)
    assert not holds(caller, every, door=door)
    live = page(caller, TODO)
    other.commit(op("unarchive", "tasks", "c"))
    assert not holds(caller, live, door=door)


@doors
def test_a_page_that_was_cut_off(caller: Caller, other: Caller, door: Door) -> None:
    first = page(caller, [], limit=1)
    assert first["ids"] == ["a"]
    other.commit(op("delete", "tasks", "c"))  # on a later page, and gone from it
    assert holds(caller, first, door=door)
    first = page(caller, [], limit=1)
    other.commit(update("b", title="on a later page"))
    assert not holds(caller, first, door=door), "it might as well have come up to this one"


@doors
def test_an_empty_list_is_an_absence(caller: Caller, other: Caller, door: Door) -> None:
    nobody = page(caller, [["title", "=", "unique"]])
    assert nobody["ids"] == []
    caller.commit(create("u1", title="unique"), reads=[nobody], door=door)
    with pytest.raises(AbloStaleContextError):
        other.commit(create("u2", title="unique"), reads=[nobody], door=door)


def test_a_plain_writer_counts(board: Board, caller: Caller) -> None:
    todo = page(caller, TODO)
    board.run("update tasks set title = 'psql' where id = 'a' and organization_id = '{org}'")
    assert not holds(caller, todo)


MATCHES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    ([["count", ">", 9]], {"count": 10}, {"count": 9}),
    ([["count", "in", [1, 2]]], {"count": 2}, {"count": 3}),
    ([["price", "=", "1.5"]], {"price": "1.50"}, {"price": "1.51"}),
    ([["score", "<", 0.5]], {"score": 0.25}, {"score": 0.5}),
    ([["urgent", "=", True]], {"urgent": True}, {"urgent": False}),
    ([["urgent", "=", None]], {}, {"urgent": False}),
    (
        [["dueAt", ">=", "2026-01-01T00:00:00+01:00"]],
        {"dueAt": "2025-12-31T23:00:00Z"},
        {"dueAt": "2025-12-31T22:59:59.999999Z"},
    ),
    ([["day", "=", "2026-02-03"]], {"day": "2026-02-03"}, {"day": "2026-02-04"}),
    (
        [["ref", "=", "00000000-0000-0000-0000-00000000000A"]],
        {"ref": "00000000-0000-0000-0000-00000000000a"},
        {"ref": "00000000-0000-0000-0000-00000000000b"},
    ),
    ([["meta", "=", {"k": [1]}]], {"meta": {"k": [1]}}, {"meta": {"k": [2]}}),
    ([["title", "ilike", "%x\\%%"]], {"title": "aX%b"}, {"title": "aXb"}),
    ([["count", ">", 3], ["count", "<", 7]], {"count": 5}, {"count": 7}),
    ([["createdBy", "!=", "user:ann"]], {"count": 1}, {}),
    ([["id", "=", "yes"]], {}, {}),
]


@pytest.mark.parametrize(("where", "yes", "no"), MATCHES, ids=lambda one: str(one)[:40])
def test_it_means_what_it_means_in_a_list(
    board: Board, caller: Caller, other: Caller, where: Any, yes: Json, no: Json
) -> None:
    """Whether a new row breaks the premise is whether a list under the filter shows it."""
    for row_id, data in (("yes", yes), ("no", no)):
        read = page(caller, where)
        writer = other if row_id == "no" else board.caller(participant="agent:b")
        writer.commit(create(row_id, **data))
        listed = {row["id"] for row in caller.list("tasks", {"where": where})["data"]}
        assert (row_id in listed) == (row_id == "yes")
        assert holds(caller, read) == (row_id not in listed)


def test_a_row_of_another_type_than_the_field_now_has_counts(own_board: Board) -> None:
    caller = own_board.caller()
    caller.commit(create("a", title="not a number"))
    read = page(caller, [["count", "=", 1]])
    caller.commit(create("b", title="x"))
    own_board.run(
        'update ablo.delta set "row" = jsonb_set("row"::jsonb, \'{count}\', \'"many"\')::json'
        " where row_id = 'b'"
    )
    assert not holds(caller, read)


@doors
def test_it_can_be_told_in_place_of_being_refused(
    caller: Caller, other: Caller, door: Door
) -> None:
    todo = page(caller, TODO)
    other.commit(*[create(f"n{n:02}") for n in range(12)])
    moved = other.commit(update("a", title="x"))["lastSyncId"]
    receipt = caller.commit(create("new"), reads=[todo | {"onStale": "notify"}], door=door)
    (told,) = receipt["notifications"]
    changed = told.pop("changed")
    assert told == {
        "object": "stale_notification",
        "scope": "filter",
        "target": {"model": "tasks", "where": TODO},
        "readAt": todo["readAt"],
        "observedSyncId": moved,
        "writtenBy": {"kind": "user", "id": "ann"},
    }
    assert (changed["count"], changed["truncated"], len(changed["sample"])) == (13, True, 10)
    assert changed["sample"][0] == {"model": "tasks", "id": "a"}
    assert holds(caller, todo | {"onStale": "overwrite"}, door=door)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"where": "todo"}, "invalid_request"),
        ({"where": None}, "invalid_request"),
        ({"where": [["status"]]}, "invalid_request"),
        ({"where": [["nope", "=", 1]]}, "query_invalid_identifier"),
        ({"where": [["status", "~", "x"]]}, "query_unsupported_operator"),
        ({"where": [["count", "=", "x"]]}, "column_type_mismatch"),
        ({"ids": "a"}, "invalid_request"),
        ({"ids": [1]}, "invalid_request"),
        ({"ids": ["a"] * 1001}, "invalid_request"),
        ({"readAt": None}, "invalid_request"),
        ({"readAt": 10**12}, "invalid_request"),
        ({"model": "nope"}, "server_execute_unknown_model"),
        ({"model": "countries", "where": []}, "model_not_tenant_scoped"),
        ({"onStale": "maybe"}, "invalid_request"),
    ],
)
def test_what_is_no_filter_is_refused(caller: Caller, change: Json, code: str) -> None:
    with pytest.raises(AbloError) as caught:
        caller.commit(create("new"), reads=[page(caller, TODO) | change])
    assert caught.value.code == code
    assert caller.get("tasks", "new")["row"] is None


def test_what_lies_too_far_back_is_refused(own_board: Board) -> None:
    own_board.run(
        "create or replace function ablo.walk_limit() returns int language sql immutable"
        " as 'select 5'"
    )
    caller = own_board.caller()
    caller.commit(create("a"))
    read = page(caller, [["status", "=", "done"]])
    group = {"group": "default", "readAt": read["readAt"]}
    own_board.caller("bystander").commit(*[create(f"x{n}") for n in range(9)])
    caller.commit(*[create(f"b{n}") for n in range(5)])
    caller.commit(create("c"), reads=[read])
    with pytest.raises(AbloStaleContextError, match="more than 5 changes") as caught:
        caller.commit(create("d"), reads=[read])
    assert caught.value.remedy
    with pytest.raises(AbloStaleContextError, match="more than 5 changes"):
        caller.commit(create("d"), reads=[group])
    own_board.run("update ablo.log_state set dropped_through = 2")
    with pytest.raises(AbloStaleContextError, match="no longer reaches"):
        caller.commit(create("d"), reads=[read | {"readAt": 1}])
