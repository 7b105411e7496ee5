"""push: over a database, its refusals and flags, two at once, watching, without a terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Cluster, ClusterSettings, Server
from ablo_pg.kernel import install

Captured = pytest.CaptureFixture[str]
HEAD = "from typing import Literal\nfrom ablo_pg import Model, define_schema, field\n"
TASKS = """
class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]

schema = define_schema(tasks=Task)
"""


@pytest.fixture
def url(cluster: Server, kernel_template: str) -> Iterator[str]:
    """The administrative URL of a database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A schema file of tasks."""
    path = tmp_path / "schema.py"
    path.write_text(HEAD + TASKS)
    return path


class Project:
    """One schema file and one database, with `push` between them."""

    def __init__(self, file: Path, url: str, capsys: Captured) -> None:
        self.file, self.url, self.capsys = file, url, capsys

    def declare(self, text: str) -> None:
        """Rewrite the schema file."""
        self.file.write_text(HEAD + text)

    def push(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Push with --json; return the exit code, and the result or the error."""
        self.capsys.readouterr()
        code = run(["push", str(self.file), "--admin-url", self.url, "--json", *options])
        told = self.capsys.readouterr()
        (line,) = (told.out or told.err).splitlines()
        return code, json.loads(line)

    def execute(self, query: str) -> list[Any]:
        """Run SQL as the administrator, for the organization acme."""
        with psycopg.connect(self.url, autocommit=True) as conn:
            conn.execute("set app.current_org_id = 'acme'")
            done = conn.execute(query)
            return done.fetchall() if done.description else []


@pytest.fixture
def project(file: Path, url: str, capsys: Captured) -> Project:
    """The tasks schema, pushed, with two rows."""
    made = Project(file, url, capsys)
    code, told = made.push()
    assert (code, told["version"], told["applied"]) == (0, 1, True)
    made.execute(
        "insert into tasks (organization_id, id, title, status)"
        " values ('acme', 'a', 'A', 'todo'), ('acme', 'b', 'B', 'doing')"
    )
    return made


def test_the_first_push_says_what_it_adds(file: Path, url: str, capsys: Captured) -> None:
    assert run(["push", str(file), "--admin-url", url]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "+ model_added tasks" in told.err
    assert "pushed version 1" in told.err


def test_the_same_schema_again_is_unchanged(project: Project) -> None:
    code, told = project.push()
    assert (code, told["unchanged"], told["applied"], told["version"]) == (0, True, False, 1)
    assert project.execute("select count(*) from ablo.schema_version") == [(1,)]


def test_an_optional_field_is_added_and_told(project: Project) -> None:
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    code, told = project.push()
    assert code == 0
    assert [change["kind"] for change in told["changes"]] == ["field_added"]
    assert project.execute("select due from tasks") == [(None,), (None,)]


def test_a_dry_run_runs_everything_and_keeps_nothing(project: Project) -> None:
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    code, told = project.push("--dry-run")
    assert (code, told["applied"]) == (0, False)
    assert project.execute("select version from ablo.schema_version where active") == [(1,)]
    assert "due" not in [row[0] for row in project.execute(COLUMNS)]


def test_dry_runs_and_failures_use_up_no_version(project: Project) -> None:
    later = TASKS.replace("title: str", "title: str\n    due: int | None = None")
    project.declare(later)
    assert [project.push("--dry-run")[1]["version"] for _ in range(3)] == [2, 2, 2]
    project.execute("update tasks set title = 'no number' where id = 'a'")
    project.declare(TASKS.replace("title: str", "title: int"))
    assert project.push("--force")[0] == 1
    project.declare(later)
    assert project.push()[1]["version"] == 2


def test_a_kernel_of_before_gives_versions_in_turn_once_it_is_brought_up(project: Project) -> None:
    """It drew them from a sequence."""
    sequence = "alter version add generated always as identity"
    project.execute(f"alter table ablo.schema_version {sequence}")
    project.execute("delete from ablo.kernel_file where path like 'migrations/0003%'")
    with psycopg.connect(project.url, autocommit=True) as conn:
        install(conn)
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    assert [project.push("--dry-run")[1]["version"], project.push()[1]["version"]] == [2, 2]


def test_what_is_dropped_is_told_as_it_is_and_stays_in_its_table(project: Project) -> None:
    notes = "class Note(Model):\n    text: str\n" + TASKS
    project.declare(notes.replace("(tasks=Task)", "(tasks=Task, notes=Note)"))
    assert project.push()[0] == 0
    project.execute(
        "insert into notes (organization_id, id, text) values ('acme', 'n', 'kept too')"
    )
    project.declare(TASKS.replace("title: str", "name: str | None = None"))
    code, told = project.push()
    assert code == 3
    details = {one["kind"]: one["detail"] for one in told["error"]["details"]["unexecutable"]}
    assert details == {
        "model_dropped": "clients no longer find it; its table stays, with its rows",
        "field_dropped": "clients no longer find it; its column stays, with its values",
    }
    assert project.push("--force")[0] == 0
    assert project.execute("select title from tasks order by id") == [("A",), ("B",)]
    assert project.execute("select text from notes") == [("kept too",)]


COLUMNS = "select column_name from information_schema.columns where table_name = 'tasks'"


def test_every_reason_is_told_with_the_flag_that_would_allow_it(project: Project) -> None:
    project.declare(
        TASKS.replace("title: str", "owner: str").replace('"todo", "doing", "done"', '"todo"')
    )
    code, told = project.push()
    assert code == 3
    assert told["error"]["code"] == "incompatible_change"
    flags = {
        (item["kind"], item["field"]): item["flag"]
        for item in told["error"]["details"]["unexecutable"]
    }
    assert flags[("field_dropped", "title")].startswith("--force")
    assert flags[("field_added", "owner")] == "--backfill tasks.owner=VALUE"
    assert flags[("enum_value_removed", "status")] == "--backfill tasks.status=VALUE"
    assert "--backfill tasks.owner=VALUE" in told["error"]["remedy"]
    assert project.execute("select version from ablo.schema_version where active") == [(1,)]


def test_what_no_row_stands_against_needs_no_flag(project: Project) -> None:
    """`done` is stored nowhere; and in an empty table a new field is nobody's problem."""
    project.declare(TASKS.replace(', "done"', ""))
    assert project.push()[0] == 0
    project.execute("delete from tasks")
    project.declare(TASKS.replace(', "done"', "").replace("title: str", "title: str\n    n: int"))
    code, told = project.push()
    assert code == 0
    assert [change["kind"] for change in told["warnings"]] == ["field_added"]


def test_a_rename_keeps_the_values(project: Project) -> None:
    project.declare(TASKS.replace("title: str", "name: str = field(indexed=True)"))
    assert project.push()[0] == 3
    assert project.push("--rename", "tasks.title:name")[0] == 0
    assert project.execute("select id, name from tasks order by id") == [("a", "A"), ("b", "B")]


def test_a_renamed_model_keeps_rows_and_takes_its_constraints_along(project: Project) -> None:
    project.declare(TASKS.replace("tasks=Task", "jobs=Task"))
    assert project.push("--rename", "tasks:jobs")[0] == 0
    assert project.execute("select count(*) from jobs") == [(2,)]
    names = (
        "select conname from pg_constraint"
        " where conrelid = 'jobs'::regclass and contype in ('c', 'p')"
    )
    assert sorted(project.execute(names)) == [("jobs_pkey",), ("jobs_status_enum",)]
    # The old name is free for another model, and nothing has drifted.
    text = TASKS.replace("schema =", "class Other(Model):\n    a: str\n\nschema =")
    project.declare(text.replace("tasks=Task", "jobs=Task, tasks=Other"))
    assert project.push()[0] == 0
    assert project.execute("select ablo.status() -> 'drift'") == [([],)]


def test_backfills_fill_rows_and_reach_the_log(project: Project) -> None:
    project.declare(TASKS.replace("title: str", "title: str\n    n: int").replace('"doing", ', ""))
    code, _ = project.push("--backfill", "tasks.n=7", "--backfill", "tasks.status=done")
    assert code == 0
    rows = project.execute("select id, n, status from tasks order by id")
    assert rows == [("a", 7, "todo"), ("b", 7, "done")]
    last = project.execute("select row ->> 'n' from ablo.delta order by sync_id desc limit 2")
    assert last == [("7",), ("7",)]
    required = (
        "select attnotnull from pg_attribute where attrelid = 'tasks'::regclass and attname = 'n'"
    )
    assert project.execute(required) == [(True,)]
    with pytest.raises(psycopg.errors.CheckViolation):
        project.execute("update tasks set status = 'doing'")


def test_an_administrator_who_is_no_superuser(file: Path, capsys: Captured) -> None:
    """Row-level security holds it: what it cannot count needs a flag; backfills reach all."""
    with Cluster(settings=ClusterSettings(durable=False)) as server:
        chief = server.url("app", user="chief")
        with psycopg.connect(server.admin_url, autocommit=True) as conn:
            conn.execute("create role chief login createrole")
            conn.execute("create database app owner chief")
        assert run(["connect", "--admin-url", chief]) == 0
        project = Project(file, chief, capsys)
        assert project.push()[0] == 0
        with psycopg.connect(server.url("app"), autocommit=True) as conn:
            conn.execute(
                "insert into tasks (organization_id, id, title, status)"
                " values ('acme', 'a', 'A', 'todo'), ('other', 'b', 'B', 'doing')"
            )
            project.declare(
                TASKS.replace("title: str", "title: str\n    n: int").replace('"doing", ', "")
            )
            assert project.push()[0] == 3
            options = ("--backfill", "tasks.n=7", "--backfill", "tasks.status=done")
            assert project.push(*options)[0] == 0
            rows = conn.execute("select id, n, status from tasks order by id").fetchall()
            assert rows == [("a", 7, "todo"), ("b", 7, "done")]
            forced = "select relforcerowsecurity from pg_class where oid = 'tasks'::regclass"
            assert conn.execute(forced).fetchone() == (True,)


def test_force_drops_a_field_and_keeps_its_column(project: Project) -> None:
    project.declare(TASKS.replace("title: str\n", ""))
    assert project.push("--force")[0] == 0
    project.execute("insert into tasks (organization_id, id, status) values ('acme', 'c', 'done')")
    assert project.execute("select title from tasks order by id") == [("A",), ("B",), (None,)]


def test_force_converts_or_changes_nothing(project: Project) -> None:
    project.declare(TASKS.replace("title: str", "title: int"))
    code, told = project.push("--force")
    assert (code, told["error"]["code"]) == (1, "migration_failed")
    assert project.execute("select version from ablo.schema_version where active") == [(1,)]
    project.execute("update tasks set title = '12'")
    assert project.push("--force")[0] == 0
    assert project.execute("select distinct title from tasks") == [(12,)]


def test_tenancy_has_no_flag(project: Project) -> None:
    project.declare(TASKS.replace("class Task(Model)", 'class Task(Model, tenancy="none")'))
    code, told = project.push("--force")
    assert code == 3
    assert told["error"]["details"]["unexecutable"][0]["flag"] is None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rename", "nonsense"),
        ("--rename", "tasks.nothing:title"),
        ("--backfill", "tasks"),
        ("--backfill", "tasks.nothing=1"),
        ("--backfill", "tasks.status=unheard"),
        ("--backfill", "'; drop table tasks; --.x=1"),
    ],
)
def test_options_that_name_nothing_are_refused(project: Project, option: str, value: str) -> None:
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    code, told = project.push(option, value)
    assert (code, told["error"]["code"]) == (1, "invalid_request")
    assert told["error"]["remedy"]
    assert project.execute("select version from ablo.schema_version where active") == [(1,)]


def test_two_pushes_at_once_do_not_interleave(project: Project) -> None:
    """The second waits for the first, then compares with what that has made."""
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    codes: list[int] = []
    with psycopg.connect(project.url) as holder, psycopg.connect(project.url) as eye:
        holder.execute("select pg_advisory_xact_lock(hashtext('provision:public'))")
        arguments = ["push", str(project.file), "--admin-url", project.url]
        threads = [Thread(target=lambda: codes.append(run(arguments))) for _ in range(2)]
        for thread in threads:
            thread.start()
        until_waiting(eye, 2)
        holder.rollback()
        for thread in threads:
            thread.join()
    assert codes == [0, 0]
    told = project.capsys.readouterr().err
    assert told.count("pushed version 2") == 1
    assert told.count("unchanged: version 2") == 1


def until_waiting(conn: psycopg.Connection, count: int) -> None:
    """Wait until so many sessions wait for the provisioning lock."""
    query = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    while conn.execute(query).fetchone() != (count,):
        conn.rollback()
        time.sleep(0.005)


def test_a_push_that_cannot_have_the_lock_says_so(project: Project) -> None:
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    with psycopg.connect(project.url) as holder:
        holder.execute("select pg_advisory_xact_lock(hashtext('provision:public'))")
        code, told = project.push()
    assert (code, told["error"]["code"]) == (1, "lock_timeout")


@pytest.mark.parametrize("mode", ["row exclusive", "access exclusive"])
def test_a_table_that_others_hold_is_told_with_who_holds_it(project: Project, mode: str) -> None:
    project.declare(TASKS.replace("title: str", "title: str\n    due: int | None = None"))
    with psycopg.connect(project.url) as holder:
        holder.execute(f"lock table tasks in {mode} mode")
        code, told = project.push()
        assert (code, told["error"]["code"]) == (1, "lock_timeout")
        assert told["error"]["details"]["holders"] == [holder.info.backend_pid]
        assert f"process {holder.info.backend_pid}" in told["error"]["message"]
    assert project.push()[0] == 0


def test_nowhere_to_push_to(file: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ABLO_ADMIN_URL", "ABLO_API_URL", "ABLO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert run(["push", str(file)]) == 1
    assert "ablo-pg dev" in capsys.readouterr().err


def test_a_relay_that_is_not_there(
    file: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABLO_API_KEY", "sk_x")
    assert run(["push", str(file), "--url", "http://127.0.0.1:9"]) == 1
    assert "does not answer" in capsys.readouterr().err
    assert run(["push", str(file), "--url", "ftp://127.0.0.1"]) == 1
    assert "not the URL of a relay" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import sys; sys.exit(3)\n", "ends the program"),
        ("print('noise')\n", "declares no schema"),
        ("raise ValueError('mine')\n", "mine"),
    ],
)
def test_a_file_that_declares_nothing(
    file: Path, url: str, capsys: Captured, text: str, told: str
) -> None:
    file.write_text(text)
    assert run(["push", str(file), "--admin-url", url]) == 1
    assert told in capsys.readouterr().err


def test_watch_pushes_after_a_save_and_survives_a_bad_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each save is loaded in a process of its own; the third one is where the user interrupts."""
    texts = ["def broken(:", TASKS.replace("title: str", "title: str\n    due: int | None = None")]

    def saves(target: str) -> Iterator[bool]:
        yield False
        for text in texts:
            project.declare(text)
            yield True
        raise KeyboardInterrupt

    monkeypatch.setattr("ablo_pg.cli.watch.saves", saves)
    arguments = ["push", str(project.file), "--watch", "--json", "--admin-url", project.url]
    project.capsys.readouterr()
    assert run(arguments) == 130
    told = project.capsys.readouterr()
    first, second = map(json.loads, told.out.splitlines())
    assert (first["unchanged"], second["version"]) == (True, 2)
    assert "SyntaxError" in json.loads(told.err)["error"]["message"]
