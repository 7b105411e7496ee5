"""Columns that would give a row two names are refused; what a column loses is told."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from ablo_pg import AbloError, AsyncAblo, Model, define_schema
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.db import session
from ablo_pg.kernel import connect
from ablo_pg.testing import DatabaseHandle, apply_schema, make_database

Captured = pytest.CaptureFixture[str]
SCHEMA: Final = """
from typing import Literal
from ablo_pg import Model, define_schema

class Item(Model):
    kind: Literal["near", "far"]

schema = define_schema(items=Item)
"""
ICU: Final = "(provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
# What is wrong: the columns, and which of them is named.
REFUSED: Final = {
    "id of a nondeterministic collation": ("text collate any_case", "text", "text", "id"),
    "id of a domain over one": ("name_text", "text", "text", "id"),
    "id in citext": ("citext", "text", "text", "id"),
    "organization in citext": ("text", "citext", "text", "organization_id"),
    "organization of a nondeterministic collation": (
        "text", "text collate any_case", "text", "organization_id",
    ),
    "enum in citext": ("text", "text", "citext", "kind"),
    "enum of a nondeterministic collation": ("text", "text", "text collate any_case", "kind"),
}  # fmt: skip


class Item(Model):
    name: str


@pytest.fixture
def adopting(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=kernel_template) as handle:
        yield handle


def tables(handle: DatabaseHandle, id_type: str, organization: str, kind: str) -> None:
    columns = f"""id {id_type} primary key, organization_id {organization} not null,
                  kind {kind} not null"""
    with psycopg.connect(handle.admin_url, autocommit=True) as conn:
        if "any_case" in columns or "name_text" in columns:
            try:
                conn.execute(f"create collation any_case {ICU}".encode())
            except psycopg.errors.FeatureNotSupported:
                pytest.skip("needs a server that is built with ICU")
            conn.execute("create domain name_text as text collate any_case")
        conn.execute("create extension citext")
        conn.execute(f"create table items ({columns})".encode())


@pytest.mark.parametrize("what", REFUSED)
def test_a_column_that_calls_other_texts_equal_is_refused(
    adopting: DatabaseHandle, tmp_path: Path, capsys: Captured, what: str
) -> None:
    id_type, organization, kind, named = REFUSED[what]
    tables(adopting, id_type, organization, kind)
    (tmp_path / "schema.py").write_text(SCHEMA)
    for command in ("check", "migrate", "push"):
        url = "--database-url" if command == "check" else "--admin-url"
        line = [command, str(tmp_path / "schema.py"), url, adopting.admin_url, "--json"]
        capsys.readouterr()
        assert run(line) != 0, command
        told = "".join(capsys.readouterr())
        assert named in told, told
        assert "as equal" in told, told
    with psycopg.connect(adopting.admin_url, autocommit=True) as conn:
        conn.execute(f'alter table items alter {named} type text collate "default"'.encode())
    assert run(["migrate", str(tmp_path / "schema.py"), "--admin-url", adopting.admin_url]) == 0


def test_check_says_what_a_column_loses(
    adopting: DatabaseHandle, tmp_path: Path, capsys: Captured
) -> None:
    with psycopg.connect(adopting.admin_url, autocommit=True) as conn:
        conn.execute("""create table items (id text primary key, organization_id text not null,
                        kind char(8) not null, size real, at timestamp, updated_at timestamp)""")
        conn.execute(f"alter database {adopting.name} set timezone = 'America/New_York'".encode())
    schema = SCHEMA.replace('"far"]\n', '"far"]\n    size: float | None = None\n')
    (tmp_path / "schema.py").write_text(schema)
    line = ["check", str(tmp_path / "schema.py"), "--database-url", adopting.admin_url, "--json"]
    assert run(line) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    found = {f["message"]: f["sql"] for m in told["models"] for f in m["findings"]}
    (moments,) = (text for text in found if "read and written as UTC" in text)
    assert "updated_at" in moments
    assert "America/New_York" in found[moments]
    (real,) = (text for text in found if "is real" in text)
    with psycopg.connect(adopting.admin_url, autocommit=True) as conn:
        conn.execute(found[moments].encode())
        conn.execute(found[real].encode())
    assert run(line) == 0
    assert "UTC" not in (again := capsys.readouterr().out)
    assert "is real" not in again


@pytest.fixture(params=["SQL_ASCII", "LATIN1", "EUC_JP"])
def encoded(request: pytest.FixtureRequest, cluster: Server) -> Iterator[tuple[str, Any]]:
    """A database of another encoding, connected."""
    name = f"encoded_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(cluster.admin_url, autocommit=True) as conn:
        conn.execute(
            f"""create database {name} encoding '{request.param}' locale_provider libc locale 'C'
                template template0""".encode()
        )
    connected = connect(cluster.url(name))
    apply_schema(cluster.url(name), define_schema(items=Item))
    yield request.param, connected
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as conn:
        conn.execute(f"drop database {name} with (force)".encode())
        for login in ("runtime", "replication"):
            conn.execute(f"drop role if exists ablo_{login}_{name}".encode())


@pytest.mark.anyio
async def test_text_of_another_encoding_comes_back_or_is_refused(encoded: tuple[str, Any]) -> None:
    encoding, connected = encoded
    assert ("SQL_ASCII" in " ".join(connected.notes)) == (encoding == "SQL_ASCII")
    held = {"SQL_ASCII": "é日本", "LATIN1": "é", "EUC_JP": "日本"}[encoding]
    async with AsyncAblo(
        schema=define_schema(items=Item), database_url=connected.database_url,
        replication_url=connected.replication_url, organization="acme", participant="user:a",
    ) as ablo, ablo.items.subscribe() as changes:  # fmt: skip
        row = await ablo.items.create({"name": held})
        assert row.name == held
        assert (await anext(changes)).row.name == held
        assert [one.name for one in await ablo.items.list(where={"name": held})] == [held]
        if encoding != "SQL_ASCII":
            with pytest.raises(AbloError, match="database's encoding") as caught:
                await ablo.items.create({"name": "ж" if encoding == "LATIN1" else "🙂"})
            assert caught.value.code == "column_type_mismatch"
            assert len(await ablo.items.list()) == 1


def test_commands_do_not_hang_on_the_environment(
    cluster: Server, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = {
        "default_transaction_isolation": "serializable", "default_transaction_read_only": "on",
        "row_security": "off", "standard_conforming_strings": "off", "quote_all_identifiers": "on",
        "extra_float_digits": "-15", "search_path": "pg_temp", "xmloption": "document",
        "transform_null_equals": "on", "array_nulls": "off",
    }  # fmt: skip
    monkeypatch.setenv("PGOPTIONS", " ".join(f"-c {name}={value}" for name, value in odd.items()))
    monkeypatch.setenv("PGTZ", "America/St_Johns")
    monkeypatch.setenv("PGDATESTYLE", "German, DMY")
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    (tmp_path / "schema.py").write_text(SCHEMA.replace('"far"', '"fär日"'))
    name = cluster.create_database()
    try:
        admin = ["--admin-url", cluster.url(name)]
        assert run(["connect", *admin]) == 0
        for line in (
            ["migrate", str(tmp_path / "schema.py")],
            ["push", str(tmp_path / "schema.py")],
        ):
            assert run([*line, *admin]) == 0
        assert run(["check", str(tmp_path / "schema.py"), "--database-url", cluster.url(name)]) == 0
        capsys.readouterr()
        assert run(["doctor", *admin, "--json"]) == 0, capsys.readouterr()
    finally:
        with session.connect(cluster.admin_url) as conn:
            conn.execute(f"drop database {name} with (force)".encode())
            for login in ("runtime", "replication"):
                conn.execute(f"drop role if exists ablo_{login}_{name}".encode())
