"""Tables of three kinds of applications, with rows: pulled, checked, migrated."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloValidationError
from ablo_pg.cli.main import run
from ablo_pg.cli.target import load_target
from ablo_pg.cluster import Server
from ablo_pg.testing import make_database

Captured = pytest.CaptureFixture[str]
FOLDER = Path(__file__).parent / "adopted"
# By file: its organization column, the models that come of it, and what is left out.
EXPECTED = {
    "web_framework": ("organization_id", 9, []),
    "film_rental": (
        "organization_id",
        13,
        [
            *("customer_list", "film_actor", "film_category", "legacy_note"),
            *("payment", "payment_2026", "totals"),
        ],
    ),
    "music_shop": ("tenant_id", 8, ["PlaylistTrack"]),
}


@pytest.fixture
def url(cluster: Server, kernel_template: str) -> Iterator[str]:
    """The administrative URL of a database with the kernel."""
    name = cluster.create_database(template=kernel_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_pulled_tables_fit_and_migrate(
    name: str, url: str, tmp_path: Path, capsys: Captured
) -> None:
    organization, models, left_out = EXPECTED[name]
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute((FOLDER / f"{name}.sql").read_text())
    written = str(tmp_path / "schema.py")
    arguments = ["pull", "--database-url", url, "--out", written, "--json"]
    assert run([*arguments, "--organization-column", organization]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["leftOut"] == [f"public.{table}" for table in left_out]
    assert len(told["models"]) == models == len(load_target(written).models)
    assert run(["check", written, "--database-url", url]) == 0
    assert run(["migrate", written, "--admin-url", url]) == 0
    assert run(["check", written, "--database-url", url]) == 0
    capsys.readouterr()
    assert run(["compile", written, "--diff", "pushed", "--database-url", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


RENTAL = """
create table film (film_id serial primary key, title text not null, length int);
create table copy (copy_id uuid primary key, film_id int not null references film);
insert into film (title) select 'Film ' || n from generate_series(1, 12) n;
insert into copy select ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, n
  from generate_series(1, 3) n"""


def test_rows_known_by_another_column_are_read_written_and_told(
    cluster: Server, kernel_template: str, tmp_path: Path, capsys: Captured
) -> None:
    written = str(tmp_path / "schema.py")
    with make_database(server=cluster, template=kernel_template) as handle:
        url = handle.admin_url
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute(RENTAL)
        assert run(["pull", "--database-url", url, "--out", written]) == 0
        assert 'class Copy(Model, id_column="copy_id")' in Path(written).read_text()
        flags = ["--backfill", "film.organizationId=acme", "--backfill", "copy.organizationId=acme"]
        assert run(["migrate", written, "--admin-url", url, *flags]) == 0
        with psycopg.connect(handle.database_url, autocommit=True) as conn:
            assert told_pages(conn, "film", 5) == [str(n) for n in range(1, 13)]
            assert len(told_pages(conn, "copy", 2)) == 3
            named = {"where": [["id", "in", ["2", "7"]], ["title", "=", "Film 7"]]}
            assert [row["id"] for row in listed(conn, "film", named)["data"]] == ["7"]
            for number, (action, row_id) in enumerate(
                [("update", "7"), ("create", "99"), ("archive", "3"), ("delete", "4")]
            ):
                data = {"data": {"title": "New"}} if action in ("update", "create") else {}
                operation = {"action": action, "model": "film", "id": row_id, **data}
                absent = [{"model": "film", "id": "1000", "absent": True}]
                request = json.dumps({"operations": [operation], "reads": absent})
                query = "select ablo.commit('acme', 'user:a', %s, %s::jsonb)"
                conn.execute(query, [f"k{number}", request])
            row = conn.execute("select ablo.row_get('acme', 'user:a', 'film', '99') -> 'row'")
            assert row.fetchone()[0]["title"] == "New"  # type: ignore[index]
            assert told_pages(conn, "film", 100, organization="other") == []
        with psycopg.connect(url) as conn:
            deltas = "select op, row_id, groups from ablo.delta where op <> 'x' order by sync_id"
            assert conn.execute(deltas).fetchall() == [
                (op, row_id, ["org:acme", f"film:{row_id}"])
                for op, row_id in (("U", "7"), ("I", "99"), ("A", "3"), ("D", "4"))
            ]


def test_a_row_whose_id_is_a_number_is_made_with_or_without_it(
    cluster: Server, kernel_template: str, tmp_path: Path
) -> None:
    written = str(tmp_path / "schema.py")
    with make_database(server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute('create table "User" ("userId" serial primary key, "firstName" text)')
        assert run(["pull", "--database-url", handle.admin_url, "--out", written]) == 0
        assert "A create without id= gets the next number of userId" in Path(written).read_text()
        assert run(["migrate", written, "--admin-url", handle.admin_url]) == 0
        schema = runpy.run_path(written)["schema"]
        with Ablo(
            schema=schema,
            database_url=handle.database_url,
            organization="acme",
            participant="user:ann",
        ) as ablo:
            assert ablo.model("User").create({"firstName": "Ann"}).id == "1"
            with pytest.raises(AbloValidationError) as caught:
                ablo.model("User").create({"firstName": "Zed"}, id="zed")
            error = caught.value
            assert (error.code, error.model, error.field) == ("invalid_id", "User", "id")
            assert "pass id=" in str(error)
            assert ablo.model("User").create({"firstName": "Zed"}, id="7").id == "7"


def listed(conn: Any, model: str, query: dict[str, Any], organization: str = "acme") -> Any:
    row = conn.execute(
        "select ablo.row_list(%s, 'user:a', %s, %s::jsonb)",
        [organization, model, json.dumps(query)],
    ).fetchone()
    return row[0]


def told_pages(conn: Any, model: str, size: int, organization: str = "acme") -> list[str]:
    """List a model page by page; return the ids."""
    ids: list[str] = []
    after: str | None = None
    while True:
        page = listed(conn, model, {"limit": size, "after": after}, organization)
        ids += [row["id"] for row in page["data"]]
        after = page["nextCursor"]
        if after is None:
            return ids
