"""keys create, list, revoke and rotate against a real server."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.credentials import check_key, key_hash
from ablo_pg.testing import DatabaseHandle

Captured = pytest.CaptureFixture[str]


class Terminal:
    """Runs commands on a database as its runtime login."""

    def __init__(self, url: str, capsys: Captured) -> None:
        self.url = url
        self.capsys = capsys

    def run(self, *arguments: str, organization: str = "acme") -> tuple[int, str, str]:
        """Return exit code, stdout and stderr of `ablo-pg keys ...`."""
        place = ["--database-url", self.url, "--organization", organization]
        self.capsys.readouterr()
        code = run(["keys", *arguments, *place])
        output = self.capsys.readouterr()
        return code, output.out, output.err

    def json(self, *arguments: str, organization: str = "acme") -> dict[str, Any]:
        """Return the one JSON object that a command prints."""
        code, out, err = self.run(*arguments, "--json", organization=organization)
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def error(self, *arguments: str, organization: str = "acme") -> dict[str, Any]:
        """Return the error of a command that fails."""
        code, out, err = self.run(*arguments, "--json", organization=organization)
        assert (code, out) == (1, "")
        found: dict[str, Any] = json.loads(err)["error"]
        assert found["remedy"]
        return found

    def stored(self, query: str) -> Any:
        """Read a value out of the database, as an administrator."""
        with psycopg.connect(self.admin_url) as conn:
            row = conn.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    admin_url = ""


@pytest.fixture
def terminal(app_db: DatabaseHandle, capsys: Captured) -> Terminal:
    made = Terminal(app_db.database_url, capsys)
    made.admin_url = app_db.admin_url
    return made


CREATE = ("create", "--participant", "agent:a")


def test_create_prints_a_key_and_its_id(terminal: Terminal) -> None:
    made = terminal.json(*CREATE)
    assert check_key(made["key"]) == "sk"
    assert re.fullmatch(r"key_[0-9a-f-]{36}", made["id"])
    assert (made["organization"], made["participant"]) == ("acme", "agent:a")
    assert (made["operations"], made["groups"], made["expiresAt"]) == (None, None, None)
    assert terminal.stored("select key_hash from ablo.api_key") == key_hash(made["key"])


def test_for_a_person_stdout_is_the_key_alone(terminal: Terminal) -> None:
    code, out, err = terminal.run(*CREATE)
    assert (code, check_key(out.strip())) == (0, "sk")
    assert "shown only once" in err
    assert out.strip() not in err


def test_what_a_key_may_do_is_said_in_options(terminal: Terminal) -> None:
    made = terminal.json(
        *("create", "--participant", "user:ann", "--prefix", "ek", "--label", "phone"),
        *("--can", "tasks.read, TASKS.update", "--groups", "tasks:t1,team:x", "--ttl", "2h"),
    )
    assert made["key"].startswith("ek_")
    assert (made["prefix"], made["label"]) == ("ek", "phone")
    assert made["operations"] == ["tasks.read", "tasks.update"]
    assert made["groups"] == ["tasks:t1", "team:x"]
    created, expires = (dt.datetime.fromisoformat(made[n]) for n in ("createdAt", "expiresAt"))
    assert abs((expires - created).total_seconds() - 7200) < 5
    assert terminal.json(*CREATE, "--can", "tasks.*")["operations"] == [
        "tasks.create", "tasks.delete", "tasks.read", "tasks.update",
    ]  # fmt: skip
    assert terminal.json(*CREATE, "--prefix", "sk_test")["key"].startswith("sk_test_")
    assert terminal.json(*CREATE, "--scope", "schema:push")["scopes"] == ["schema:push"]


@pytest.mark.parametrize(
    ("code", "field", "arguments"),
    [
        ("server_execute_unknown_model", None, [*CREATE, "--can", "taks.read"]),
        ("invalid_request", "operations", [*CREATE, "--can", "tasks"]),
        ("invalid_request", "syncGroups", [*CREATE, "--groups", "project"]),
        ("invalid_request", "scopes", [*CREATE, "--scope", "root"]),
        ("duration_invalid", "ttlSeconds", [*CREATE, "--ttl", "0s"]),
        ("invalid_participant_kind", "participant", ["create", "--participant", "triage"]),
        ("invalid_participant_kind", "participant", [*CREATE, "--prefix", "ek"]),
        ("capability_not_found", None, ["revoke", "key_none"]),
        ("capability_not_found", None, ["rotate", "key_none"]),
    ],
)
def test_a_refusal_names_the_field_and_what_to_do(
    terminal: Terminal, code: str, field: str | None, arguments: list[str]
) -> None:
    error = terminal.error(*arguments)
    assert (error["code"], error["field"]) == (code, field)
    assert terminal.stored("select count(*) from ablo.api_key") == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        [*CREATE, "--prefix", "mk"],
        [*CREATE, "--ttl", "soon"],
        [*CREATE, "--ttl", "30"],
        [*CREATE, "--can", ""],
        [*CREATE, "--can", "tasks.read,,"],
        ["revoke"],
        ["rotate", "key_x", "--grace", "-1h"],
    ],
)
def test_wrong_usage_is_2(terminal: Terminal, arguments: list[str]) -> None:
    code, out, err = terminal.run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage:" in err


def test_lists_never_show_a_secret(terminal: Terminal) -> None:
    made = [terminal.json(*CREATE, "--label", label) for label in ("one", "two")]
    for arguments in (
        ("list",),
        ("list", "--json"),
        ("list", "--all"),
        ("list", "--all", "--json"),
    ):
        code, out, err = terminal.run(*arguments)
        assert code == 0
        for each in made:
            assert each["id"] in out
            assert each["key"][:12] in out
            for secret in (each["key"], each["key"][12:], key_hash(each["key"])):
                assert secret not in out + err
    listed = terminal.json("list")["keys"]
    assert [(one["label"], one["status"]) for one in listed] == [("two", "live"), ("one", "live")]
    assert "key" not in listed[0]


def test_a_revoked_key_leaves_the_list(terminal: Terminal) -> None:
    made = terminal.json(*CREATE)
    assert terminal.json("revoke", made["id"]) == {"id": made["id"], "revoked": [made["id"]]}
    assert terminal.json("list")["keys"] == []
    (ended,) = terminal.json("list", "--all")["keys"]
    assert (ended["id"], ended["status"]) == (made["id"], "revoked")
    code, out, err = terminal.run("revoke", made["id"])
    assert (code, out) == (0, ""), "again is no error"
    assert made["id"] in err


def test_rotate_prints_a_new_key_and_when_the_old_one_ends(terminal: Terminal) -> None:
    old = terminal.json(*CREATE, "--can", "tasks.read", "--label", "ci")
    new = terminal.json("rotate", old["id"], "--grace", "10m")
    assert (new["operations"], new["label"]) == (["tasks.read"], "ci")
    assert new["key"] != old["key"]
    assert new["rotatedFrom"]["id"] == old["id"]
    ends = dt.datetime.fromisoformat(new["rotatedFrom"]["expiresAt"])
    began = dt.datetime.fromisoformat(new["createdAt"])
    assert abs((ends - began).total_seconds() - 600) < 5
    terminal.json("rotate", new["id"], "--grace", "0s")
    states = {one["id"]: one["status"] for one in terminal.json("list", "--all")["keys"]}
    assert (states[old["id"]], states[new["id"]]) == ("live", "expired")
    assert terminal.error("rotate", new["id"])["code"] == "apikey_expired"


def test_organizations_do_not_see_each_other(terminal: Terminal) -> None:
    made = terminal.json(*CREATE)
    assert terminal.json("list", "--all", organization="other")["keys"] == []
    for command in ("revoke", "rotate"):
        error = terminal.error(command, made["id"], organization="other")
        assert error["code"] == "capability_not_found"
    assert terminal.json("list")["keys"][0]["status"] == "live"


def test_a_database_without_a_kernel_is_named(
    terminal: Terminal, cluster: Any, capsys: Captured
) -> None:
    name = cluster.create_database()
    terminal.url = cluster.url(name)
    assert terminal.error("list")["code"] == "kernel_not_installed"
    cluster.drop_database(name)
    terminal.url = "postgresql://nobody@127.0.0.1:1/none"
    assert terminal.error("list")["code"] == "database_unreachable"
