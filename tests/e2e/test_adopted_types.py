"""Enum types, arrays, domains and generated columns of a pulled table: kept, and usable."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloError
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.testing import DatabaseHandle, make_database

DDL = """
create schema app;
create type app.mood as enum ('sad', 'ok', 'it''s');
create domain app.label as varchar(5) check (value <> 'bad');
create domain app.short as app.label check (length(value) < 4);
create domain app.labels as text[] check (cardinality(value) < 4);
create table app.things (
  id uuid primary key default gen_random_uuid(), organization_id text not null,
  mood app.mood not null default 'ok', tags text[] not null default '{}', counts int[],
  moods app.mood[], named app.labels, label app.short default 'a', price numeric(6, 2),
  twice int generated always as (coalesce(counts[1], 0) * 2) stored);
insert into app.things (id, organization_id, tags, counts, moods)
  values ('00000000-0000-0000-0000-000000000001', 'acme', '{a,"b c",NULL}', '{1,2}', '{sad}')"""
COLUMNS = """
select attname, format_type(atttypid, atttypmod), attnotnull, attgenerated,
  pg_get_expr(adbin, adrelid)
from pg_attribute left join pg_attrdef on adrelid = attrelid and adnum = attnum
where attrelid = 'app.things'::regclass and attnum > 0 order by attnum"""
KNOWN = ("column_type_mismatch", "check_violation", "invalid_field_value")
ONE = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def site(cluster: Server, kernel_template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=kernel_template) as handle:
        with psycopg.connect(handle.admin_url, autocommit=True) as conn:
            conn.execute(DDL)
        yield handle


def columns(site: DatabaseHandle) -> list[Any]:
    with psycopg.connect(site.admin_url) as conn:
        return conn.execute(COLUMNS).fetchall()


@pytest.fixture(params=["migrate", "push"])
def things(
    site: DatabaseHandle, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[DatabaseHandle, Any]]:
    """The client's model, over a schema that was pulled and applied."""
    written, before = str(tmp_path / "schema.py"), columns(site)
    pull = ["pull", "--database-url", site.admin_url, "--schema", "app", "--out", written]
    assert run(pull) == 0
    assert run(["check", written, "--database-url", site.admin_url]) == 0
    for _ in range(2):
        assert run([request.param, written, "--admin-url", site.admin_url]) == 0
        assert columns(site)[: len(before)] == before
    schema = runpy.run_path(written)["schema"]
    with Ablo(
        schema=schema,
        database_url=site.database_url,
        organization="acme",
        participant="user:ann",
    ) as ablo:
        yield site, ablo.things


def test_they_are_read_written_listed_and_told(things: tuple[DatabaseHandle, Any]) -> None:
    site, model = things
    row = model.retrieve(ONE)
    assert (row.mood, row.tags, row.counts, row.moods) == (
        "ok",
        ["a", "b c", None],
        [1, 2],
        ["sad"],
    )
    row = model.update(ONE, {"mood": "it's", "tags": ["x", 'q"u', "{}"], "moods": None})
    assert (row.mood, row.tags, row.moods) == ("it's", ["x", 'q"u', "{}"], None)
    made = model.create({"mood": "sad", "counts": [7], "moods": ["ok", "sad"], "named": ["n"]})
    assert (made.tags, made.counts, made.named) == ([], [7], ["n"])
    assert model.update(made.id, {"counts": [[1, 2], [3, 4]]}).counts == [[1, 2], [3, 4]]
    assert [row.id for row in model.list(where={"mood": "sad"})] == [made.id]
    assert [row.id for row in model.list(where={"tags": {"eq": ["x", 'q"u', "{}"]}})] == [ONE]
    assert [row.mood for row in model.list(order_by="mood", limit=1)] == ["sad"]
    with psycopg.connect(site.admin_url) as conn:
        told = """select "row" -> 'tags', "row" ->> 'mood', changed from ablo.delta
                  where row_id = %s and op = 'U' order by sync_id limit 1"""
        assert conn.execute(told, [ONE]).fetchone() == (
            ["x", 'q"u', "{}"],
            "it's",
            ["updatedAt", "mood", "tags", "moods"],
        )
        said = told.replace(
            """select "row" -> 'tags', "row" ->> 'mood', changed""", "select before"
        )
        ((before,),) = conn.execute(said.encode(), [ONE]).fetchall()
        assert before.pop("updatedAt")
        assert before == {"mood": "ok", "tags": ["a", "b c", None], "moods": ["sad"]}


REFUSED: list[dict[str, Any]] = [
    {"mood": "glad"},
    {"tags": [1]},
    {"tags": "x"},
    {"tags": [{"a": 1}]},
    {"counts": ["x"]},
    {"counts": [1.5]},
    {"counts": [2**40]},
    {"moods": ["glad"]},
    {"named": ["1", "2", "3", "4"]},
    {"label": "bad"},
    {"label": "long"},
    {"price": "123456.78"},
]


def test_what_a_column_does_not_take_is_refused(things: tuple[DatabaseHandle, Any]) -> None:
    _, model = things
    before = model.retrieve(ONE)
    for data in REFUSED:
        with pytest.raises(AbloError) as caught:
            model.update(ONE, data)
        assert caught.value.code in KNOWN, (data, caught.value)
    assert model.retrieve(ONE) == before
