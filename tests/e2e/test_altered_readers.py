"""The readers' policy of a model with permissions is drift if it was altered, and only then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from uuid import UUID

import pytest

from ablo_pg import Model, allow, check, define_schema
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.compile.migration import MigrateOptions
from ablo_pg.kernel import admin_connection, migrate, plan
from ablo_pg.schema import dump_schema_json
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .test_altered import Captured, status
from .test_drift import query


class Task(Model):
    """The example of docs/permissions.md, and tests of every kind of field."""

    title: str
    owner_id: str
    owner: UUID | None = None
    priority: int | None = None
    private: bool = True
    status: Literal["draft", "public"] = "draft"
    permissions = allow(
        read="owner_id = actor.user_id or assignee = actor.id"
        " or owner = '00000000-0000-0000-0000-000000000001'"
        " or (private = false and (priority is null or priority < 5))"
        " or status in ('public') or actor.kind in ('system', 'agent')",
        create="owner_id = actor.user_id",
        update="old.owner_id = actor.user_id and new.owner_id = old.owner_id",
        delete="owner_id = actor.user_id and status = 'draft'",
    )
    assignee: str | None = None


class Plain(Model):
    owner_id: str
    status: Literal["draft", "public"] = "draft"
    private: bool = True
    open = check("private or (owner_id <> 'x' and status = 'public')")
    permissions = allow(read="owner_id = actor.user_id or status = 'public'")


SCHEMA = define_schema(tasks=Task, plains=Plain)
READERS = "select pg_get_expr(polqual, polrelid) from pg_policy where polname = 'tasks_readers'"
ALTERED = [
    ("'5'::bigint", "'500'::bigint"),
    ("private = false", "private = true"),
    ("= 'user'::text", "= 'agent'::text"),
    ("'app.current_participant_id'", "'app.who'"),
    ("priority IS NULL", "priority IS NOT NULL"),
    ("':'::text, 1)", "':'::text, 2)"),
    ("':'::text) + 1", "':'::text) + 2"),
    ("COALESCE(", "GREATEST("),
    ("owner_id = ", "title = "),
    ("ELSE NULL::text", "ELSE 'ann'::text"),
]
SPELT = [("private = false", "not private"), ("private = false", "(not private) = true")]


@pytest.fixture(scope="module")
def template(cluster: Server) -> Iterator[str]:
    """The name of a database with the schema."""
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def site(cluster: Server, template: str) -> Iterator[DatabaseHandle]:
    """A copy of it."""
    with make_database(server=cluster, template=template) as handle:
        yield handle


def alter(site: DatabaseHandle, old: str, new: str) -> None:
    """Replace a part of the policy's expression, as Postgres prints it."""
    ((made,),) = query(site.admin_url, READERS)
    assert old in made, made
    query(site.admin_url, f"alter policy tasks_readers on tasks using ({made.replace(old, new)})")


@pytest.mark.parametrize(("old", "new"), ALTERED)
def test_an_altered_readers_policy_is_drift(
    site: DatabaseHandle, capsys: Captured, old: str, new: str
) -> None:
    before = status(site, capsys)
    assert (before["code"], before["drift"], before["unknown"]) == (0, [], [])
    alter(site, old, new)
    after = status(site, capsys)
    assert after["code"] == 1
    assert "policy tasks_readers of table public.tasks has using" in after["drift"][0]


@pytest.mark.parametrize(("old", "new"), SPELT)
def test_another_spelling_of_a_readers_policy_is_no_drift(
    site: DatabaseHandle, capsys: Captured, old: str, new: str
) -> None:
    alter(site, old, new)
    after = status(site, capsys)
    assert (after["code"], after["drift"], after["unknown"]) == (0, [], [])


@pytest.mark.parametrize(
    "spelt",
    [
        "private = true or (status = 'public' and owner_id <> 'x')",
        "(status = 'public' and not owner_id = 'x') or private",
        "not (private = false and (owner_id = 'x' or status <> 'public'))",
    ],
)
def test_a_truth_value_and_its_comparison_are_the_same(
    site: DatabaseHandle, capsys: Captured, spelt: str
) -> None:
    find = "select conname from pg_constraint where conrelid = 'plains'::regclass and contype = 'c'"
    names = [name for (name,) in query(site.admin_url, f"{find} and conname like '%open%'")]
    assert len(names) == 1
    change = f'drop constraint "{names[0]}", add constraint "{names[0]}" check ({spelt})'
    query(site.admin_url, f"alter table plains {change}")
    after = status(site, capsys)
    assert (after["code"], after["drift"], after["unknown"]) == (0, [], [])


MADE_AGAIN = "drop policy tasks_readers on tasks; create policy tasks_readers on tasks as {0}"
REPAIRED = [
    ("alter policy tasks_readers on tasks using (true)", "tasks_readers", "altered"),
    ("alter policy tasks_readers on tasks to postgres", "tasks_readers", "altered"),
    ("alter policy tasks_readers on tasks with check (false)", "tasks_readers", "altered"),
    ("drop policy tasks_readers on tasks", "tasks_readers", "missing"),
    ("comment on policy tasks_readers on tasks is 'reviewed'", "tasks_readers", "altered"),
    (
        MADE_AGAIN.format("permissive for select to ablo_runtime using (true)"),
        "tasks_readers",
        "altered",
    ),
    (
        "alter policy tasks_readers on tasks using (owner_id in (select title from tasks))",
        "tasks_readers",
        "altered",
    ),
    (
        "alter policy tasks_tenant_isolation on tasks using (true)",
        "tasks_tenant_isolation",
        "alter",
    ),
    ("drop policy tasks_tenant_isolation on tasks", "tasks_tenant_isolation", "missing"),
]


@pytest.mark.parametrize(("change", "policy", "state"), REPAIRED)
def test_migrate_repairs_a_policy_and_says_so(
    site: DatabaseHandle, tmp_path: Path, capsys: Captured, change: str, policy: str, state: str
) -> None:
    file = tmp_path / "schema.json"
    file.write_text(json.dumps(dump_schema_json(SCHEMA.spec)))
    command = ["migrate", str(file), "--admin-url", site.admin_url]
    find = (
        "select polname, polpermissive, polroles, polcmd, pg_get_expr(polqual, polrelid),"
        " pg_get_expr(polwithcheck, polrelid), obj_description(oid) from pg_policy order by 1"
    )
    before = query(site.admin_url, find)
    query(site.admin_url, change)
    assert query(site.admin_url, find) != before
    capsys.readouterr()
    assert run([*command, "--dry-run"]) == 0
    title = f"make policy {policy} of table public.tasks again: it is {state}"
    assert title in capsys.readouterr().out
    assert query(site.admin_url, find) != before
    assert run([*command, "--json"]) == 0
    done = capsys.readouterr()
    assert "applied schema" in done.err
    shown = json.loads(done.out)
    assert (shown["unchanged"], shown["steps"][0]["title"][: len(title)]) == (False, title)
    assert query(site.admin_url, find) == before
    assert run(command) == 0
    assert "unchanged: schema" in capsys.readouterr().err
    assert status(site, capsys)["code"] == 0


def test_a_changed_permission_is_no_repair(site: DatabaseHandle) -> None:
    class Other(Model):
        owner_id: str
        permissions = allow(read="owner_id = actor.user_id")

    class Changed(Model):
        owner_id: str
        permissions = allow(read="owner_id = 'ann'")

    with admin_connection(site.admin_url) as admin:
        migrate(admin, define_schema(tasks=Task, plains=Plain, others=Other).spec)
        changed = define_schema(tasks=Task, plains=Plain, others=Changed)
        made = plan(admin, changed.spec, MigrateOptions(force=True))
    assert not any("policy" in step.title for step in made.steps)
