"""The log grows ahead of its ids, and gets back in order when nobody saw to that in time."""

from __future__ import annotations

import asyncio
from typing import Literal

import psycopg
import pytest

from ablo_pg import AsyncAblo, Model, define_schema
from ablo_pg.testing import DatabaseHandle


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"]


INSERT = """
insert into tasks (organization_id, id, title, status)
select 'acme', 'r' || n, 'x', 'todo' from generate_series(%s::int, %s::int) n"""
COUNTS = """
select tableoid::regclass::text, count(*) from ablo.delta group by 1 order by 1"""


def test_ids_beyond_the_last_partition_move_into_their_own(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(INSERT, (1, 3))
        conn.execute("select setval('ablo.sync_id', 34999998)")
        conn.execute(INSERT, (4, 6))
        assert dict(conn.execute(COUNTS).fetchall()) == {
            "ablo.delta_default": 3,
            "ablo.delta_p000000": 3,
        }
        conn.execute("select ablo.delta_extend()")
        conn.execute(INSERT, (7, 8))
        # Half of p000003 is used: p000004 is ready.
        assert dict(conn.execute(COUNTS).fetchall()) == {
            "ablo.delta_p000000": 3,
            "ablo.delta_p000003": 5,
        }
        assert conn.execute("select to_regclass('ablo.delta_p000004') is not null").fetchone() == (
            True,
        )
        assert conn.execute("select ablo.delta_extend()").fetchone() == (0,)
        rows = conn.execute("select row_id from ablo.delta_read('acme', 0)").fetchall()
        assert [row[0] for row in rows] == [f"r{n}" for n in range(1, 9)]


def test_dropped_partitions_end_old_cursors_only(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute(INSERT, (1, 3))
        conn.execute("select setval('ablo.sync_id', 12000000)")
        conn.execute("select ablo.delta_extend()")
        conn.execute(INSERT, (4, 4))
        assert conn.execute("select ablo.delta_retain('0 s')").fetchone() == (9999999,)
        with pytest.raises(psycopg.Error) as refused:
            conn.execute("select * from ablo.delta_read('acme', 2)")
        assert refused.value.sqlstate == "AB024"
        rows = conn.execute("select row_id from ablo.delta_read('acme', 9999999)").fetchall()
        assert rows == [("r4",)]
        conn.execute("select ablo.delta_extend()")
        assert dict(conn.execute(COUNTS).fetchall()) == {"ablo.delta_p000001": 1}


def test_a_client_grows_the_log(app_db: DatabaseHandle) -> None:
    with psycopg.connect(app_db.admin_url, autocommit=True) as conn:
        conn.execute("select setval('ablo.sync_id', 5000001)")
        asyncio.run(_ready(app_db.database_url))
        assert conn.execute("select to_regclass('ablo.delta_p000001') is not null").fetchone() == (
            True,
        )


async def _ready(url: str) -> None:
    schema = define_schema(tasks=Task)
    async with AsyncAblo(
        schema=schema, database_url=url, organization="acme", participant="agent:a"
    ) as ablo:
        await ablo.ready()
