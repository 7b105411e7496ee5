"""A policy, CHECK or default that means something else is drift; another spelling of it is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from ablo_pg import AbloError, Model, define_schema, field
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.kernel import admin_connection, migrate
from ablo_pg.kernel.fit import fit
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from .test_drift import SCHEMA, Note, ablo, query

Captured = pytest.CaptureFixture[str]
# What is done to a policy, CHECK or default of ours, and what the sentence names.
ALTERED = [
    (
        "alter policy notes_tenant_isolation on notes using (true)",
        "policy notes_tenant_isolation of table public.notes has using (true)",
    ),
    (
        "alter policy notes_tenant_isolation on notes using (true) with check (true)",
        "no tenant isolation policy",
    ),
    (
        "alter policy notes_tenant_isolation on notes using (organization_id = "
        "(select nullif(current_setting('app.current_org_id', true), '')) or text = 'open')",
        "policy notes_tenant_isolation of table public.notes has using",
    ),
    (
        "alter policy notes_tenant_isolation on notes using (organization_id <> "
        "(select nullif(current_setting('app.current_org_id', true), '')))",
        "policy notes_tenant_isolation of table public.notes has using",
    ),
    (
        "alter policy notes_tenant_isolation on notes to ablo_runtime",
        "policy notes_tenant_isolation of table public.notes applies to ablo_runtime",
    ),
    ("drop policy notes_tenant_isolation on notes", "no tenant isolation policy"),
    (
        "create policy wide on notes for select to ablo_runtime using (text is null)",
        "policy wide of table public.notes is permissive",
    ),
    (
        "alter table notes alter column size set default 5",
        "column size has the default 5 for plain SQL, the schema '0'::bigint",
    ),
    ("alter table notes alter column size drop default", "has the default null for plain SQL"),
    ("alter table marks drop constraint marks_weight_finite", "marks_weight_finite is missing"),
    (
        "alter table marks drop constraint marks_kind_enum, "
        "add constraint marks_kind_enum check (kind in ('a', 'b', 'c'))",
        "marks_kind_enum is CHECK ((kind = ANY (ARRAY['a'::text, 'b'::text, 'c'::text])))",
    ),
    (
        "alter table marks drop constraint marks_size_rules, "
        "add constraint marks_size_rules check (size >= 0 and size <= 6)",
        "marks_size_rules is CHECK (((size >= 0) AND (size <= 6)))",
    ),
]
# A policy of the same name and comment, of another kind.
MADE_AGAIN = """do $made$
declare v_mark text := (select obj_description(oid, 'pg_policy') from pg_policy
  where polname = 'notes_tenant_isolation');
begin
  drop policy notes_tenant_isolation on notes;
  create policy notes_tenant_isolation on notes {0} using (organization_id = (
    select nullif(current_setting('app.current_org_id', true), '')));
  execute format('comment on policy notes_tenant_isolation on notes is %L', v_mark);
end $made$"""
ALTERED += [
    (MADE_AGAIN.format(kind), "policy notes_tenant_isolation of table public.notes is of another")
    for kind in ("for select", "as restrictive")
]
# The same in another spelling, or a change of what is not ours.
SPELT = [
    "alter policy notes_tenant_isolation on notes using (((organization_id)::text) = (select "
    "nullif(current_setting('app.current_org_id'::text, true), ''::text) as org))",
    "alter table notes alter column size set default (0)",
    "alter table notes alter column size set default '0'::smallint",
    "alter table marks drop constraint marks_kind_enum, "
    "add constraint marks_kind_enum check (kind = 'b' or kind in ('a'))",
    "alter table marks drop constraint marks_size_rules, "
    "add constraint marks_size_rules check (size between 0 and 5)",
    "alter table marks add constraint own check (size < 100)",
    "create policy narrow on notes as restrictive using (text is null)",
]
UNKNOWN = (
    "alter table marks drop constraint marks_size_rules, "
    "add constraint marks_size_rules check (size >= 0 and size::numeric <= 5)"
)


class Mark(Model):
    kind: Literal["a", "b"] = "a"
    weight: float | None = None
    size: int | None = field(default=None, ge=0, le=5)


MARKED = define_schema(notes=Note, marks=Mark)


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


@pytest.fixture
def marked(cluster: Server, site: DatabaseHandle) -> DatabaseHandle:
    """The database, with a second table that has CHECKs."""
    with admin_connection(site.admin_url) as admin:
        migrate(admin, MARKED.spec)
    return site


def status(site: DatabaseHandle, capsys: Captured) -> dict[str, Any]:
    """Return the status as JSON, and its exit code."""
    capsys.readouterr()
    code = run(["status", "--admin-url", site.admin_url, "--json"])
    return {**json.loads(capsys.readouterr().out), "code": code}


@pytest.mark.parametrize(("change", "told"), ALTERED)
def test_what_has_another_meaning_is_drift(
    marked: DatabaseHandle, capsys: Captured, change: str, told: str
) -> None:
    before = status(marked, capsys)
    assert (before["code"], before["drift"], before["unknown"]) == (0, [], [])
    query(marked.admin_url, change)
    after = status(marked, capsys)
    assert after["code"] == 1
    assert told in "\n".join(after["drift"])


@pytest.mark.parametrize("change", SPELT)
def test_another_spelling_is_no_drift(
    marked: DatabaseHandle, capsys: Captured, change: str
) -> None:
    query(marked.admin_url, change)
    after = status(marked, capsys)
    assert (after["code"], after["drift"], after["unknown"]) == (0, [], [])


def test_the_policies_of_an_adopted_table_are_compared_too(
    site: DatabaseHandle, tmp_path: Path, capsys: Captured
) -> None:
    query(site.admin_url, "create table things (id text primary key, organization_id text)")
    file = tmp_path / "things.py"
    arguments = ["--table", "things", "--out", str(file)]
    assert run(["pull", "--database-url", site.admin_url, *arguments]) == 0
    assert run(["migrate", str(file), "--admin-url", site.admin_url]) == 0
    assert status(site, capsys)["code"] == 0
    assert run(["check", str(file), "--database-url", site.admin_url]) == 0
    for policy in ("things_tenant_isolation", "things_kernel_tenant_isolation"):
        query(site.admin_url, f"alter policy {policy} on things using (true)")
        told = f"policy {policy} of table public.things has using (true)"
        assert told in "\n".join(status(site, capsys)["drift"])
        assert run(["check", str(file), "--database-url", site.admin_url]) == 3
        shown = capsys.readouterr().out
        assert f"problem  {told}" in shown
        fix = [line.strip() for line in shown.splitlines() if line.startswith("      ")]
        query(site.admin_url, "\n".join(fix))
        assert status(site, capsys)["code"] == 0


def test_check_names_a_default_that_only_plain_sql_gets(marked: DatabaseHandle) -> None:
    query(marked.admin_url, "alter table marks alter column kind set default 'b'")
    with admin_connection(marked.admin_url) as admin:
        (marks,) = (one for one in fit(admin, MARKED.spec) if one.model == "marks")
    (finding,) = marks.findings
    assert (marks.state, finding.level) == ("fits", "warning")
    assert "column kind has the default 'b'::text for plain SQL, the schema 'a'" in finding.message
    query(marked.admin_url, str(finding.sql))
    with admin_connection(marked.admin_url) as admin:
        assert all(not one.findings for one in fit(admin, MARKED.spec))


def test_what_cannot_be_compared_is_said_and_breaks_nothing(
    marked: DatabaseHandle, capsys: Captured
) -> None:
    query(marked.admin_url, UNKNOWN)
    after = status(marked, capsys)
    (told,) = after["unknown"]
    assert (after["code"], after["drift"]) == (0, [])
    capsys.readouterr()
    assert all(part in told for part in ("marks_size_rules", "(size)::numeric <=", "at most 5"))
    assert run(["doctor", "--admin-url", marked.admin_url, "--json"]) == 0
    with ablo(marked) as client:
        client.ready()


@pytest.mark.parametrize("index", range(5))
def test_an_altered_policy_is_not_ready_and_its_sql_restores_it(
    marked: DatabaseHandle, capsys: Captured, index: int
) -> None:
    query(marked.admin_url, ALTERED[index][0])
    capsys.readouterr()
    assert run(["doctor", "--admin-url", marked.admin_url, "--json"]) == 1
    blockers = json.loads(capsys.readouterr().out)["blockers"]
    (fix,) = [one["fix"] for one in blockers if "create policy" in str(one["fix"])][:1]
    query(marked.admin_url, fix)
    assert status(marked, capsys)["code"] == 0


def test_a_policy_that_shows_every_row_makes_the_service_not_ready(site: DatabaseHandle) -> None:
    query(site.admin_url, "alter policy notes_tenant_isolation on notes using (true)")
    with ablo(site) as client, pytest.raises(AbloError, match="no tenant isolation policy"):
        client.ready()


REPAIRED = [
    "drop policy notes_tenant_isolation on notes",
    *(change for change, _ in ALTERED if "constraint" in change),
]


@pytest.mark.parametrize("change", REPAIRED)
def test_migrate_repairs_what_is_missing_or_replaced(
    marked: DatabaseHandle, capsys: Captured, change: str
) -> None:
    query(marked.admin_url, change)
    assert status(marked, capsys)["code"] == 1
    with admin_connection(marked.admin_url) as admin:
        migrate(admin, MARKED.spec)
    assert status(marked, capsys)["code"] == 0


@pytest.mark.parametrize("command", ["push", "migrate"])
def test_a_default_that_the_schema_changes_is_not_drift(
    site: DatabaseHandle, tmp_path: Path, capsys: Captured, command: str
) -> None:
    file = tmp_path / "notes.py"
    file.write_text(
        "from ablo_pg import Model, define_schema\n\n"
        "class Note(Model):\n    text: str | None = 'new'\n    size: int = 7\n\n"
        "schema = define_schema(notes=Note)\n"
    )
    assert run([command, str(file), "--admin-url", site.admin_url]) == 0
    assert status(site, capsys)["drift"] == []
