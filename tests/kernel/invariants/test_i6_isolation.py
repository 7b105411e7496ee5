"""I6: nothing that a session of one organization can say shows another organization's rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ablo_pg.cluster import Server
from ablo_pg.testing import make_database

from ..board import Board, Caller, Json, create, op, update
from .i6_canaries import FAR, FAR_ID, NEAR, SECRET, answer, leaks, seen, settle
from .i6_statements import ALL, MODELS


@pytest.fixture(scope="module")
def twins(cluster: Server, board_template: str) -> Iterator[tuple[Board, Caller, Caller]]:
    with make_database(server=cluster, template=board_template) as handle, Board(handle) as board:
        yield board, *settle(board)


def test_the_canaries_are_where_they_should_be(twins: tuple[Board, Caller, Caller]) -> None:
    """Or the scans below would prove nothing: in their own organization they are seen."""
    board, _, far = twins
    for table in ("tasks", "projects", "notes", "ablo.delta"):
        shown = seen(far.conn, f"select * from {table}", FAR)
        assert SECRET in shown, table
        assert FAR_ID in shown, table
    assert SECRET in seen(board.admin, "select * from ablo.receipt")
    assert SECRET in seen(far.conn, f"select ablo.key_list('{FAR}')", FAR)
    assert "key-far" in seen(far.conn, f"select ablo.key_list('{FAR}')", FAR)


@pytest.mark.parametrize("statement", ALL)
def test_no_statement_shows_the_other(twins: tuple[Board, Caller, Caller], statement: str) -> None:
    board, near, _ = twins
    before = board.rows("select count(*), max(xmin::text::bigint) from tasks")
    shown = seen(near.conn, statement)
    assert leaks(shown.replace("('south'", "")) == []
    assert board.rows("select count(*), max(xmin::text::bigint) from tasks") == before


@pytest.mark.parametrize("organization", ["", None])
def test_no_organization_sees_nothing(
    twins: tuple[Board, Caller, Caller], organization: str | None
) -> None:
    board, _, _ = twins
    conn = board.connect()
    for table in (*MODELS, "ablo.delta"):
        for _ in range(2):  # a setting that was set and has ended reads '' from then on
            assert seen(conn, f"select count(*) from {table}", organization) == "(0,)"
            assert (
                seen(conn, f"delete from {table.replace('ablo.delta', 'tasks')}", organization)
                == "0"
            )
            seen(conn, "select 1", FAR)
    statement = "insert into notes (id, organization_id, text) values ('x', '', 'x')"
    refused = seen(conn, statement, "")
    assert "row-level security" in refused


def test_one_session_serves_both_in_turn(twins: tuple[Board, Caller, Caller]) -> None:
    """Cached plans must not keep the organization that they were made for."""
    board, _, _ = twins
    conn = board.connect()
    conn.execute("prepare mine as select string_agg(title, ' ') from tasks")
    for _ in range(8):
        assert leaks(seen(conn, "execute mine", NEAR)) == []
        assert SECRET in seen(conn, "execute mine", FAR)
        assert leaks(seen(conn, "select ablo.row_list('north', 'agent:a', 'tasks', '{}')")) == []


CALLS: dict[str, Any] = {
    "get": lambda caller, one: caller.get("tasks", one),
    "snapshot": lambda caller, one: caller.snapshot([{"model": "tasks", "id": one}]),
    "list": lambda caller, one: caller.list("tasks", {"where": [["id", "=", one]]}),
    "list by project": lambda caller, one: (
        caller.list("tasks", {"where": [["projectId", "=", one]]})
    ),
    "create and delete": lambda caller, one: (
        caller.commit(create(one)),
        caller.commit(op("delete", "tasks", one)),
    ),
    "update": lambda caller, one: caller.commit(update(one, count=1)),
    "guarded update": lambda caller, one: caller.commit(update(one, 0, count=1)),
    "notify": lambda caller, one: caller.commit(update(one, 0, "notify", count=1)),
    "archive": lambda caller, one: caller.commit(op("archive", "tasks", one)),
    "delete": lambda caller, one: caller.commit(op("delete", "tasks", one)),
    "create in a project": lambda caller, one: caller.commit(create("n", projectId=one)),
    "premise": lambda caller, one: (
        touch(caller, {"model": "tasks", "id": one, "readAt": 0})
    ),
    "absence": lambda caller, one: (
        touch(caller, {"model": "tasks", "id": one, "absent": True})
    ),
    "group": lambda caller, one: (
        touch(caller, {"group": f"projects:{one}", "readAt": 0})
    ),
    "batch": lambda caller, one: caller.commit(update(one, count=1), door="batch"),
    "plain insert": lambda caller, one: plain(
        caller, "insert into tasks (organization_id, id, title, status, count)"
        f" values ('north', '{one}', 'x', 'todo', 0) returning id"
    ),
    "plain upsert": lambda caller, one: plain(
        caller, "insert into tasks (organization_id, id, title, status, count)"
        f" values ('north', '{one}', 'x', 'todo', 0)"
        " on conflict (organization_id, id) do update set title = 'took' returning *"
    ),
    "plain insert of a child": lambda caller, one: plain(
        caller, "insert into tasks (organization_id, id, title, status, count, project_id)"
        f" values ('north', 'n', 'x', 'todo', 0, '{one}')"
    ),
    "plain write for the other": lambda caller, one: plain(
        caller, f"insert into projects (organization_id, id, name) values ('south', '{one}', 'x')"
    ),
    "plain move to the other": lambda caller, one: plain(
        caller, f"update tasks set organization_id = 'south', id = '{one}'"
    ),
}  # fmt: skip


def touch(caller: Caller, premise: Json) -> Json:
    """Run a commit that does nothing, on a premise."""
    return caller.commit(op("delete", "tasks", "-"), reads=[premise])


def plain(caller: Caller, statement: str) -> str:
    return seen(caller.conn, statement)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_id_taken_there_answers_like_a_free_one(
    twins: tuple[Board, Caller, Caller], call: Any
) -> None:
    _, near, far = twins
    before = far.list("tasks", {"archived": True})
    for suffix in ("t", "p", "gone"):
        taken = answer(near, f"{FAR_ID}{suffix}", call)
        assert taken == answer(near, "a-free-id-" + suffix, call)
        assert SECRET not in taken
    assert far.list("tasks", {"archived": True}) == before, "and nothing happened there"


def test_keys_and_cursors_of_the_other(twins: tuple[Board, Caller, Caller]) -> None:
    _, near, far = twins
    far.commit(*[create(f"{FAR_ID}{n}", title=SECRET) for n in range(3)])
    page = far.list("tasks", {"limit": 1, "orderBy": [["title", "desc"]]})
    order = {"orderBy": [["title", "desc"]], "after": page["nextCursor"]}
    assert SECRET not in str(near.list("tasks", order))
    head = far.snapshot([])["stamp"]
    for cursor in range(head + 1):
        shown = seen(near.conn, f"select * from ablo.delta_read('north', {cursor}, 1000)")
        assert SECRET not in shown
        assert FAR not in shown
    same = Caller(near.conn, NEAR, far.participant)
    receipt = same.commit(create("mine"), key=f"key-{SECRET}")
    assert (receipt["ops"], FAR_ID in str(receipt)) == (1, False)
    same.commit(op("delete", "tasks", "mine"))


def test_what_a_constraint_says_names_only_ones_own(twins: tuple[Board, Caller, Caller]) -> None:
    _, near, _ = twins
    near.commit(create("own", title="mine", count=5))
    insert = "insert into tasks (organization_id, id, title, status, count)"
    statements = [
        f"{insert} values ('north', 'own', 'x', 'todo', 0)",
        f"{insert} values ('north', 'x', null, 'todo', 0)",
        "update tasks set status = 'no'",
        "update tasks set project_id = 'far-id-p'",
        "delete from projects",
        "update tasks set count = 'x' || title",
    ]
    for statement in statements:
        assert leaks(seen(near.conn, statement).replace("far-id-p", "")) == []


MUTANTS = {
    "keys that all can read": (
        "grant select on ablo.api_key to ablo_runtime;"
        "alter table ablo.api_key disable row level security"
    ),
    "a policy that lets all through": "alter policy tasks_tenant_isolation on tasks using (true)",
    "a policy beside ours": "create policy everyone on tasks using (true)",
    "row security off": "alter table notes disable row level security",
    "a log that all can read": "alter policy delta_tenant_isolation on ablo.delta using (true)",
    "receipts that all can read": (
        "grant select on ablo.receipt to ablo_runtime;"
        "alter table ablo.receipt disable row level security"
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_scan_catches_mutants(own_board: Board, mutant: str) -> None:
    near, _ = settle(own_board)
    own_board.run(mutant)
    assert [one for one in ALL if leaks(seen(near.conn, one).replace("('south'", ""))]
