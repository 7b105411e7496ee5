"""The replication connection itself: statuses, confirmation, big and foreign things in the WAL."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ablo_pg.changefeed import WalReader
from ablo_pg.testing import DatabaseHandle

pytestmark = [pytest.mark.anyio, pytest.mark.smoke]
HASTY = "-c wal_sender_timeout=1s"
SENDER = """select flush_lsn, pg_current_wal_lsn() from pg_stat_replication
 where usename = %s and flush_lsn is not null"""


async def test_the_server_keeps_a_stream_whose_consumer_does_not_take(
    db: DatabaseHandle, run_hub: Any, admin: Any, kit: Any
) -> None:
    """wal_sender_timeout passes twice over while nobody takes what arrives."""
    reader = WalReader(make_conninfo(db.replication_url, options=HASTY))
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        since = reader.status.since
        for turn in range(3):
            await kit.write(admin, 100, prefix=f"{turn}-")
            await admin.execute("select pg_sleep(0.8)")
        assert (reader.status.kind, reader.status.since) == ("wal", since)
        assert len(await kit.take(changes, 300)) == 300


async def test_what_was_handed_on_is_confirmed_so_that_no_wal_piles_up(
    db: DatabaseHandle, run_hub: Any, admin: Any, kit: Any
) -> None:
    """Also when all of the WAL is somebody else's."""
    reader = WalReader(make_conninfo(db.replication_url, options=HASTY))
    login = psycopg.conninfo.conninfo_to_dict(db.replication_url)["user"]
    await admin.execute("create table other (n int)")

    async def confirmed_after(write: str) -> None:
        await admin.execute(write)
        row = await (await admin.execute("select pg_current_wal_lsn()")).fetchone()
        with anyio.fail_after(30):
            while True:
                found = await (await admin.execute(SENDER, (login,))).fetchone()
                if found and row and int_lsn(found[0]) >= int_lsn(row[0]):
                    return
                await anyio.lowlevel.checkpoint()

    async with run_hub(reader):
        await confirmed_after("insert into other select generate_series(1, 20000)")
        await confirmed_after(
            "insert into tasks (id, organization_id, title, status)"
            " values ('t', 'acme', '', 'todo')"
        )
        assert reader.status.lag_bytes is not None


def int_lsn(text: str) -> int:
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


async def test_big_rows_and_odd_text_come_through_as_the_log_has_them(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    organization = 'o"{},\\ ü'
    async with run_hub(make_reader("wal")) as hub, hub.subscribe(organization) as changes:
        for number, title in enumerate(["x" * 3_000_000, '{"a", \\b}', "\n\t\u2028", ""]):
            await admin.execute(
                "insert into tasks (id, organization_id, title, status)"
                " values (%s, %s, %s, 'todo')",
                (f'i"{number},', organization, title),
            )
        found = await kit.take(changes, 4)
        assert found == await hub.log.read(organization, 0, 10)
        assert found[0].row is not None
        assert len(found[0].row) > 3_000_000


async def test_prepared_and_rolled_back_transactions(
    db: DatabaseHandle, make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    async with run_hub(make_reader("wal")) as hub, hub.subscribe("acme") as changes:
        async with await psycopg.AsyncConnection.connect(db.admin_url) as conn:
            await kit.write(conn, 1, prefix="rolled back")
            await conn.rollback()
            await kit.write(conn, 1, prefix="kept")
            await conn.execute("savepoint s")
            await kit.write(conn, 1, prefix="undone")
            await conn.execute("rollback to s")
            await conn.execute("prepare transaction 'two phase'")
            await conn.commit()
        await admin.execute("commit prepared 'two phase'")
        await kit.write(admin, 1, prefix="after")
        assert [one.row_id for one in await kit.take(changes, 2)] == ["kept1", "after1"]
