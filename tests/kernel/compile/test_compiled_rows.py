"""Rows through the compiled functions: values round-trip, deltas tell the change and its groups."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

TASK = {
    "title": "Ünï \"quoted\" 'x' \\ \n",
    "status": "it's done",
    "projectId": "p1",
    "assignee": "ada",
    "watchers": ["bob", "eve"],
    "count": 9223372036854775807,
    "ratio": 0.1,
    "price": "12.50",
    "done": True,
    "startsAt": "2026-02-28T23:59:59.123456+05:45",
    "dueOn": "2024-02-29",
    "ref": "123e4567-e89b-12d3-a456-426614174000",
    "meta": {"k": [1, None, "x"]},
}


@pytest.fixture
def database(everything_database: Any) -> Any:
    return everything_database


@pytest.fixture(autouse=True)
def _rows(database: Any) -> None:
    database.commit("teams", "create", "t1", {"name": "core"})
    database.commit("teams", "create", "t2", {"name": "other"})
    database.commit("projects", "create", "p1", {"name": "one", "teamId": "t1"})


def test_every_type_round_trips(database: Any) -> None:
    database.commit("tasks", "create", "a", TASK)
    op, groups, row, changed, organization = database.deltas("a")[0]
    assert (op, changed, organization) == ("I", None, "acme")
    base = {k: row.pop(k) for k in ("id", "createdAt", "updatedAt", "organizationId", "createdBy")}
    assert base["id"] == "a"
    assert base["createdAt"] == base["updatedAt"]
    assert base["createdAt"].endswith("+00:00")
    assert (base["organizationId"], base["createdBy"]) == ("acme", "user:ada")
    assert row == TASK | {
        "archivedAt": None,
        "priority": "low",
        "startsAt": "2026-02-28T18:14:59.123456+00:00",
    }
    assert groups == [
        "org:acme", "work:a", "project:p1", "user:ada", "watcher:bob", "watcher:eve", "team:t1",
    ]  # fmt: skip
    read = database.conn.execute(
        """select ablo_model."tasks__row"(t) from tasks t where id = 'a'"""
    ).fetchone()[0]
    assert read["price"] == "12.50"
    assert read.keys() == row.keys() | base.keys()


def test_defaults_fill_what_a_create_leaves_out(database: Any) -> None:
    database.commit("tasks", "create", "a", {"title": "x", "status": "todo"})
    row = database.deltas("a")[0][2]
    assert (row["priority"], row["done"], row["meta"]) == ("low", False, {"a": [1, "x"]})
    assert row["ratio"] is None


def test_update_changes_what_it_names_and_says_so(database: Any) -> None:
    database.commit("tasks", "create", "a", TASK)
    database.commit("tasks", "update", "a", {"title": "new", "ratio": None, "meta": {"k": 1}})
    op, _, row, changed, _ = database.deltas("a")[1]
    assert op == "U"
    assert set(changed) == {"title", "ratio", "meta", "updatedAt"}
    assert row["title"] == "new"
    assert row["ratio"] is None
    assert row["price"] == "12.50"
    assert row["updatedAt"] > row["createdAt"]


def test_an_integer_may_be_written_with_a_fraction_of_zero(database: Any) -> None:
    task = {"title": "x", "status": "todo", "count": 1.0}
    database.commit("tasks", "create", "a", task)
    assert database.deltas("a")[0][2]["count"] == 1


def test_archive_unarchive_delete(database: Any) -> None:
    database.commit("tasks", "create", "a", TASK)
    for action in ("archive", "archive", "unarchive", "delete"):
        database.commit("tasks", action, "a")
    rows = database.deltas("a")
    assert [row[0] for row in rows] == ["I", "A", "U", "V", "D"]
    assert rows[1][2]["archivedAt"] == rows[2][2]["archivedAt"] is not None
    assert rows[3][2]["archivedAt"] is None
    assert rows[4][2] is None
    assert set(rows[4][1]) == set(rows[0][1])


def test_a_declared_archive_mark_is_used(database: Any) -> None:
    database.commit("notes", "create", "n", {"text": "x"})
    database.commit("notes", "archive", "n")
    database.commit("notes", "update", "n", {"archivedAt": None})
    assert [row[0] for row in database.deltas("n")] == ["I", "A", "V"]


def test_a_moved_row_goes_to_old_and_new_groups(database: Any) -> None:
    database.commit("projects", "create", "p2", {"name": "two", "teamId": "t2"})
    database.commit("tasks", "create", "a", TASK)
    database.commit("tasks", "update", "a", {"projectId": "p2", "assignee": None, "watchers": []})
    database.commit("tasks", "update", "a", {"title": "later"})
    _, moved, later = (set(row[1]) for row in database.deltas("a"))
    query = "select left_groups from ablo.delta where row_id = 'a' order by sync_id"
    _, left, still = (set(row[0] or ()) for row in database.conn.execute(query))
    here = {"org:acme", "work:a", "project:p2", "team:t2"}
    there = {"project:p1", "team:t1", "user:ada", "watcher:bob", "watcher:eve"}
    assert (moved, left) == (here, there)
    assert (later, still) == (here, set())


def test_cascaded_children_make_their_own_deltas_for_those_who_saw_them(database: Any) -> None:
    database.commit("tasks", "create", "a", {"title": "x", "status": "todo", "projectId": "p1"})
    database.commit("comments", "create", "c", {"body": "hi", "taskId": "a"})
    assert set(database.deltas("c")[0][1]) == {
        "org:acme", "comment:c", "work:a", "project:p1", "team:t1",
    }  # fmt: skip
    database.commit("teams", "delete", "t1")
    last = {row_id: database.deltas(row_id)[-1] for row_id in ("t1", "p1", "a")}
    assert {row[0] for row in last.values()} == {"D"}
    assert set(last["a"][1]) == {"org:acme", "work:a", "project:p1", "team:t1"}


def test_a_child_takes_its_organization_from_its_parent(database: Any) -> None:
    """Tenancy `parent`, written by plain SQL that names no organization."""
    database.commit("tasks", "create", "a", TASK)
    insert = "insert into comments (id, body, task_id) values (%s, 'x', %s)"
    database.conn.execute(insert, ["c", "a"])
    assert database.deltas("c")[0][4] == "acme"
    with pytest.raises(psycopg.errors.ForeignKeyViolation, match="no parent row 'zzz'"):
        database.conn.execute(insert, ["d", "zzz"])


def test_a_foreign_parent_is_like_none(database: Any, refused: Any) -> None:
    database.commit("tasks", "create", "a", TASK)
    data = {"body": "x", "taskId": "a"}
    assert refused("comments", "create", "c", data, organization="evil").sqlstate == "23503"


def test_plain_sql_is_captured_and_touched(database: Any) -> None:
    database.conn.execute("insert into teams (id, organization_id, name) values ('s', 'o', 'n')")
    database.conn.execute("update teams set name = 'm' where id = 's'")
    first, second = database.deltas("s")
    assert second[2]["updatedAt"] > first[2]["updatedAt"]
    with pytest.raises(psycopg.Error) as caught:
        database.conn.execute("update teams set organization_id = 'p' where id = 's'")
    assert caught.value.sqlstate == "AB030"
    with pytest.raises(psycopg.Error) as caught:
        database.conn.execute("truncate teams cascade")
    assert caught.value.sqlstate == "AB029"


def test_capture_ignores_the_writers_settings(database: Any) -> None:
    database.conn.execute("set timezone = 'America/Caracas'")
    database.conn.execute("set extra_float_digits = -3")
    database.conn.execute("set datestyle = 'German'")
    database.conn.execute(
        """insert into tasks (id, organization_id, title, status, priority, done, meta, ratio)
           values ('a', 'acme', 't', 'todo', 'low', false, '{}', 0.1::float8 + 0.2::float8)"""
    )
    row = database.deltas("a")[0][2]
    assert row["ratio"] == 0.30000000000000004
    assert row["createdAt"].endswith("+00:00")


def test_events_with_odd_names_are_captured(database: Any, refused: Any) -> None:
    database.conn.execute(
        'insert into crm."Event Log" (id, tenant, "Kind of ""event""")'
        " values ('e', 'acme', 'k')"
    )
    assert database.deltas("e")[0][2]["kind"] == "k"
    assert refused("events", "create", "f", {"kind": "x"}).sqlstate == "AB012"


def test_lock_finds_the_row(database: Any) -> None:
    database.conn.execute("select set_config('app.current_org_id', 'acme', false)")
    answer = database.conn.execute(
        "select ablo_model.lock('Team', 't1'), ablo_model.lock('Team', 'zz')"
    ).fetchone()
    assert answer == (True, False)


def test_names_resolve_in_any_case(database: Any) -> None:
    names = ["Task", "TASK", "tasks", "Tasks", "event log", "Event Log", "events", "nope", None]
    answers = [
        database.conn.execute("select ablo_model.resolve(%s)", [name]).fetchone()[0]
        for name in names
    ]
    assert answers == ["Task"] * 4 + ["Event"] * 3 + [None, None]
