"""Permissions change by `push` and `migrate` with --force only; both say from what to what."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server

Captured = pytest.CaptureFixture[str]
Told = dict[str, Any]
Apply = Callable[..., tuple[int, Told]]
FILE = """
from ablo_pg import Model, allow, define_schema, field


class Note(Model):
    text: str = ""


class {name}(Model, table="tasks"):
    owner: str | None = None
    {body}


schema = define_schema(notes=Note{tasks})
"""
MINE = "owner = actor.user_id"
LIMITED = f'permissions = allow(read="{MINE}", update="{MINE}")'
CHANGES: dict[str, tuple[str, dict[str, tuple[str | None, str | None]]]] = {
    "tightened": (
        f'permissions = allow(read="{MINE}", update="{MINE}", delete="{MINE}")',
        {"delete": (None, MINE)},
    ),
    "loosened": (
        f'permissions = allow(read="{MINE} or owner is null", update="{MINE}")',
        {"read": (MINE, f"{MINE} or owner is null")},
    ),
    "of a field": (
        f'{LIMITED}\n    text: str | None = field(default=None, write="{MINE}")',
        {"write.text": (None, MINE)},
    ),
    "dropped": ("pass", {"read": (MINE, None), "update": (MINE, None)}),
}


@pytest.fixture(params=["migrate", "push"])
def apply(
    request: pytest.FixtureRequest,
    cluster: Server,
    kernel_template: str,
    tmp_path: Path,
    capsys: Captured,
) -> Iterator[Apply]:
    """Push or migrate to a schema of these tasks; return the exit code and what --json says."""
    name = cluster.create_database(template=kernel_template)
    file = tmp_path / "schema.py"

    def call(body: str, *options: str, key: str = "tasks") -> tuple[int, Told]:
        tasks = f", {key}=Task" if key else ""
        file.write_text(FILE.format(name="Task", body=body, tasks=tasks))
        arguments = [request.param, str(file), "--admin-url", cluster.url(name), "--json"]
        capsys.readouterr()
        code = run([*arguments, *options])
        output = capsys.readouterr()
        return code, json.loads(output.out if code == 0 else output.err)

    yield call
    cluster.drop_database(name)


def asked(told: Told) -> dict[str, str]:
    """The line about each refused change of permissions, by its verb."""
    details = told["error"]["details"]
    for one in details.get("unexecutable", ()):
        assert (one["kind"], one["model"], one["flag"]) == (
            "permissions_changed",
            "tasks",
            "--force",
        )
    for one in details.get("problems", ()):
        assert (one["model"], one["remedy"]) == ("tasks", "--force allows it")
    found = [*details.get("unexecutable", ()), *details.get("problems", ())]
    lines = told["error"]["message"].splitlines()
    return {
        one["field"]: next(line for line in lines if f"tasks.{one['field']}" in line)
        for one in found
    }


@pytest.mark.parametrize("how", CHANGES)
def test_a_change_is_refused_in_words_until_it_is_forced(apply: Apply, how: str) -> None:
    body, expected = CHANGES[how]
    assert apply(LIMITED)[0] == 0  # of a new model
    for options in ((), ("--dry-run",)):
        code, told = apply(body, *options)
        assert (code, told["error"]["code"]) == (3, "incompatible_change")
        found = asked(told)
        assert found.keys() == expected.keys()
        for verb, (was, now) in expected.items():
            assert (was or "every row") in found[verb]
            assert (now or "every row") in found[verb]
            assert "--force" in found[verb]
    code, told = apply(LIMITED)
    assert (code, told["unchanged"]) == (0, True)
    assert apply(body, "--dry-run", "--force")[0] == 0
    assert apply(body, "--force")[0] == 0
    code, told = apply(body)
    assert (code, told["unchanged"]) == (0, True)


def test_the_first_permission_of_a_model_in_use_is_a_change(apply: Apply) -> None:
    assert apply("pass")[0] == 0
    code, told = apply(LIMITED)
    assert (code, asked(told).keys()) == (3, {"read", "update"})


def test_rows_that_leave_the_schema_lose_their_permissions_by_force_only(apply: Apply) -> None:
    assert apply(LIMITED)[0] == 0
    code, told = apply("pass", key="")
    assert code == 3
    assert "every row" in told["error"]["message"]
    assert apply("pass", "--force", key="")[0] == 0


@pytest.mark.parametrize("apply", ["migrate"], indirect=True)
def test_the_same_table_under_another_name_keeps_its_permissions(apply: Apply) -> None:
    assert apply(LIMITED)[0] == 0
    code, told = apply("pass", key="todos")
    assert code == 3
    message = told["error"]["message"]
    assert f"todos.update: which rows an actor may update changes: {MINE} -> every row" in message
    assert apply(LIMITED, key="todos")[0] == 0


@pytest.mark.parametrize("apply", ["migrate"], indirect=True)
def test_a_table_with_permissions_can_be_dropped(apply: Apply) -> None:
    assert apply(LIMITED)[0] == 0
    code, told = apply("pass", "--force", "--drop", key="")
    assert (code, told.get("models")) == (0, ["notes"])
