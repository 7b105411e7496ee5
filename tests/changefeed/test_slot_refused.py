"""What stands in a slot's way at each step: LISTEN serves, the status is true, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.changefeed import AutoReader, WalReader
from ablo_pg.changefeed import auto as choice
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.testing import DatabaseHandle, make_database

pytestmark = pytest.mark.anyio
MAKING = "select pid from pg_stat_activity where backend_type = 'walsender' and wait_event_type"
MAKING += " = 'Lock' and application_name = 'ablo_pg reader'"
MADE = """select active_pid from pg_replication_slots
 where confirmed_flush_lsn is not null and active"""


@pytest.mark.parametrize("step", ["making", "waiting"])
async def test_a_walsender_that_is_ended_while_a_slot_is_made(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any, step: str
) -> None:
    """Again and again: in CREATE_REPLICATION_SLOT, and behind it, before the stream begins."""
    reader = AutoReader(db.database_url, db.replication_url)
    async with await psycopg.AsyncConnection.connect(db.admin_url) as long:
        if step == "making":
            await long.execute("select pg_current_xact_id()")
        async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
            if step == "waiting":  # a transaction that began after the slot's, and runs
                await kit.until(lambda: reader.status.kind == "wal")
                await long.execute("select pg_current_xact_id()")
            for turn in range(3):
                await end(admin, MAKING if turn or step == "making" else MADE)
                await kit.write(admin, 1, prefix=f"{turn}-")
            await kit.until(lambda: reader.status.kind == "listen")
            assert "pooler" not in (reader.status.reason or "")
            await long.rollback()
            await kit.until(lambda: reader.status.kind == "wal")
            await kit.write(admin, 1, prefix="last")
            found = [one.sync_id for one in await kit.take(changes, 4)]
            assert found == await kit.whole_log(admin)


async def end(admin: Any, query: str) -> None:
    """End the walsender that the query finds, when there is one."""
    with anyio.fail_after(30):
        while not (found := await (await admin.execute(query)).fetchall()):
            await anyio.lowlevel.checkpoint()
    await admin.execute("select pg_terminate_backend(%s, 5000)", found[0])


@pytest.fixture(params=["max_replication_slots", "max_wal_senders"])
def narrow(request: pytest.FixtureRequest, tasks_schema: Any) -> Iterator[tuple[str, Any]]:
    """A server with room for one reader; which setting, and a database in it."""
    extra = {request.param: "1"}
    with (
        Cluster(settings=ClusterSettings(durable=False, extra=extra)) as cluster,
        make_database(tasks_schema, server=cluster) as handle,
    ):
        yield request.param, handle


async def test_a_server_without_room_is_named_and_used_when_there_is(
    narrow: tuple[str, DatabaseHandle], kit: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(choice, "REFUSED_FIRST", 0.1)
    monkeypatch.setattr(choice, "REFUSED_LAST", 0.1)
    setting, db = narrow
    reader = AutoReader(db.database_url, db.replication_url)
    connect = psycopg.AsyncConnection.connect
    async with await connect(db.admin_url, autocommit=True) as admin:
        async with kit.running(WalReader(db.replication_url), db.database_url):
            await until_there(admin, kit)
            async with kit.running(reader, db.database_url) as hub, hub.subscribe("acme") as one:
                await kit.until(lambda: f"raise {setting}" in (reader.status.reason or ""))
                assert "the server says: " in (reader.status.reason or "")
                assert reader.status.kind == "listen"
                await kit.write(admin, 1)
                await kit.take(one, 1)
        async with kit.running(reader, db.database_url):
            await kit.until(lambda: reader.status.kind == "wal")


async def until_there(admin: Any, kit: Any) -> None:
    """Wait until the first reader has its slot."""
    with anyio.fail_after(30):
        while not await (await admin.execute(MADE)).fetchall():
            await anyio.lowlevel.checkpoint()
