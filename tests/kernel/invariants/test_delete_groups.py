"""Deletes carry the groups as they were: whoever could see the row hears, owners gone or not."""

from __future__ import annotations

import pytest

from .site import Site

CHAIN = [
    "insert into projects (organization_id, id, name) values ('acme', 'p', ''), ('acme', 'q', '')",
    "insert into tasks (organization_id, id, title, project_id) values ('acme', 't', '', 'p')",
    "insert into notes (organization_id, id, body, task_id) values ('acme', 'n', '', 't')",
]


def groups_of(site: Site, model: str, op: str) -> set[str]:
    """The groups of the one delta of that op of a model, which must not name one twice."""
    rows = site.admin.execute(
        "select groups from ablo.delta where model = %s and op = %s", [model, op]
    ).fetchall()
    ((groups,),) = rows
    assert len(set(groups)) == len(groups)
    return set(groups)


@pytest.mark.parametrize("deferred", [False, True], ids=["immediate", "deferred"])
@pytest.mark.parametrize(
    "delete",
    ["delete from notes", "delete from tasks", "delete from projects"],
)
def test_a_delete_reaches_every_owner(site: Site, delete: str, deferred: bool) -> None:
    with site.admin.transaction():
        for statement in CHAIN:
            site.admin.execute(statement.encode())
    with site.admin.transaction():
        if deferred:
            site.admin.execute("set constraints all deferred")
        site.admin.execute(delete.encode())
    assert groups_of(site, "notes", "D") == {"org:acme", "notes:n", "tasks:t", "projects:p"}
    if "notes" not in delete:
        assert groups_of(site, "tasks", "D") == {"org:acme", "tasks:t", "projects:p"}


def test_made_and_deleted_in_one_transaction(site: Site) -> None:
    """Nobody has seen it but who is sent both deltas."""
    with site.admin.transaction():
        for statement in [*CHAIN, "delete from projects"]:
            site.admin.execute(statement.encode())
    assert groups_of(site, "notes", "D") == groups_of(site, "notes", "I")


def test_changed_then_cascaded_in_one_transaction(site: Site) -> None:
    """At the commit its owners are gone, and its last delta was made without them as well."""
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    with site.admin.transaction():
        site.admin.execute("update notes set body = 'changed'")
        site.admin.execute("delete from projects")
    assert groups_of(site, "notes", "D") == {"org:acme", "notes:n", "tasks:t", "projects:p"}


def test_a_row_that_moves_names_the_groups_it_leaves_apart(site: Site) -> None:
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    site.admin.execute("update tasks set project_id = 'q'")
    assert groups_of(site, "tasks", "U") == {"org:acme", "tasks:t", "projects:q"}
    assert site.admin.execute("select left_groups from ablo.delta where op = 'U'").fetchall() == [
        (["projects:p"],)
    ]
    site.admin.execute("delete from tasks")
    assert groups_of(site, "tasks", "D") == {"org:acme", "tasks:t", "projects:q"}
    # The note was last sent under p, and is under q by now: both hear of its end.
    both = {"org:acme", "notes:n", "tasks:t", "projects:p"}
    assert groups_of(site, "notes", "D") >= both


def test_a_replica_role_deletes_without_its_owner(site: Site) -> None:
    """Foreign keys do not act there: the orphan's groups come from the log."""
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    site.admin.execute("set session_replication_role = replica")
    site.admin.execute("delete from tasks")
    site.admin.execute("delete from notes")
    assert groups_of(site, "notes", "D") == {"org:acme", "notes:n", "tasks:t", "projects:p"}


ENTERED = "select op, entered_groups from ablo.delta where model = %s order by sync_id"


def entered(site: Site, model: str) -> list[tuple[str, list[str] | None]]:
    """The ops of a model's deltas, each with the groups not proved to have seen the old row."""
    return [(op, groups) for op, groups in site.admin.execute(ENTERED, [model]).fetchall()]


def test_a_row_that_moves_names_the_groups_that_it_enters(site: Site) -> None:
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    site.admin.execute("update tasks set project_id = 'q'")
    site.admin.execute("update notes set body = 'a'")
    site.admin.execute("update notes set body = 'b'")
    assert entered(site, "tasks") == [("I", None), ("U", ["projects:q"])]
    far = ("U", ["projects:q"])  # through the task: not proved by the note itself
    assert entered(site, "notes") == [("I", None), far, far]


@pytest.mark.parametrize("last", ["update notes set body = ''", "delete from notes"])
@pytest.mark.parametrize("moved_first", [True, False])
def test_what_moves_with_its_owner_was_not_there_before(
    site: Site, last: str, moved_first: bool
) -> None:
    """In one transaction: the values before it were never sent to the owner's new groups."""
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    steps = ["update tasks set project_id = 'q'", last]
    with site.admin.transaction():
        for statement in steps if moved_first else reversed(steps):
            site.admin.execute(statement.encode())
    (_, found) = entered(site, "notes")
    gone = ("D", ["projects:p", "projects:q"])  # it tells both, and proves neither
    assert found == (("U", ["projects:q"]) if "update" in last else gone)


def test_a_row_without_a_past_in_the_log_says_that_it_entered_what_is_above(site: Site) -> None:
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    site.admin.execute("delete from ablo.delta")
    site.admin.execute("update notes set body = 'a'")
    assert entered(site, "notes") == [("U", ["projects:p"])]


@pytest.mark.parametrize("last", ["update notes set task_id = 't', body = ''", "delete from notes"])
def test_what_was_elsewhere_meanwhile_is_not_told_where_it_comes_back(
    site: Site, last: str
) -> None:
    """In one transaction: a row is moved away, gets a secret there, and returns or is deleted."""
    for statement in CHAIN:
        site.admin.execute(statement.encode())
    site.admin.execute(
        "insert into tasks (organization_id, id, title, project_id) values ('acme', 'u', '', 'q')"
    )
    with site.admin.transaction():
        site.admin.execute("update notes set task_id = 'u', body = 'SECRET'")
        site.admin.execute(last.encode())
    query = "select before ->> 'body', groups, left_groups, entered_groups from ablo.delta"
    (found,) = site.admin.execute(query + " order by sync_id desc limit 1").fetchall()
    body, groups, left, unproved = found
    assert body == "SECRET"
    seen = {*groups, *(left or ())}.difference(unproved)
    assert seen == {"org:acme", "notes:n", "tasks:u"}
