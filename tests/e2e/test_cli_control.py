"""connect --control: keys are made by a login of their own, and the programs' login makes none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.db.admin import role_drop
from ablo_pg.kernel import login_name

Captured = pytest.CaptureFixture[str]
MAKE = ("keys", "create", "--organization", "acme", "--participant", "agent:a", "--json")
LIST = ("keys", "list", "--organization", "acme", "--json")


@pytest.fixture
def admin_url(cluster: Server) -> Iterator[str]:
    """A database with nothing in it; its logins are dropped after."""
    name = cluster.create_database()
    yield cluster.url(name)
    cluster.drop_database(name)
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        for kind in ("runtime", "replication", "control"):
            role_drop(conn, login_name(kind, name))


def test_the_control_login_makes_keys_and_lasts(
    admin_url: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert run(list(arguments)) == code
        output = capsys.readouterr()
        return json.loads(output.out if code == 0 else output.err)

    first = said("connect", "--admin-url", admin_url, "--json")
    assert first["controlUrl"] is None
    monkeypatch.setenv("DATABASE_URL", first["databaseUrl"])
    made = said(*MAKE)  # one URL is enough on the first day

    urls = said("connect", "--admin-url", admin_url, "--control", "--json")
    monkeypatch.setenv("DATABASE_URL", urls["databaseUrl"])
    revoke = ("keys", "revoke", made["id"], "--organization", "acme", "--json")
    for command in (MAKE, LIST, revoke):
        error = said(*command, code=1)["error"]
        assert error["code"] == "forbidden"
        assert "ABLO_CONTROL_URL" in error["remedy"]

    monkeypatch.setenv("ABLO_CONTROL_URL", urls["controlUrl"])
    assert said(*MAKE)["id"]
    assert len(said(*LIST)["keys"]) == 2
    assert said(*revoke)["revoked"] == [made["id"]]
    with psycopg.connect(urls["controlUrl"]) as conn:
        for query in ("select from ablo.delta", "select from ablo.api_key"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(query.encode())

    again = said("connect", "--admin-url", admin_url, "--json")  # an upgrade keeps it so
    monkeypatch.setenv("DATABASE_URL", again["databaseUrl"])
    assert said(*MAKE)["id"]
    monkeypatch.delenv("ABLO_CONTROL_URL")
    assert said(*MAKE, code=1)["error"]["code"] == "forbidden"
