"""AutoReader: which reader runs, why, and that a switch loses and repeats nothing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.changefeed import AutoReader
from ablo_pg.changefeed import auto as choice
from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.testing import DatabaseHandle, make_database

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def replica_cluster() -> Iterator[Cluster]:
    with Cluster(settings=ClusterSettings(durable=False, wal_level="replica")) as started:
        yield started


async def follows(reader: AutoReader, db: DatabaseHandle, kit: Any) -> None:
    """Whatever runs, deltas arrive."""
    connect = psycopg.AsyncConnection.connect
    async with (
        await connect(db.admin_url, autocommit=True) as admin,
        kit.running(reader, db.database_url) as hub,
        hub.subscribe("acme") as changes,
    ):
        await kit.until(lambda: reader.status.kind == "listen")
        for turn in range(10):
            await kit.write(admin, 3, prefix=f"{turn}-")
        found = [one.sync_id for one in await kit.take(changes, 30)]
        assert found == await kit.whole_log(admin)
        assert reader.status.lag is not None


async def test_wal_level_replica(
    replica_cluster: Cluster, tasks_schema: Any, kit: Any, caplog: Any
) -> None:
    with (
        make_database(tasks_schema, server=replica_cluster) as db,
        caplog.at_level(logging.INFO, "ablo_pg.changefeed"),
    ):
        reader = AutoReader(db.database_url, db.replication_url)
        await follows(reader, db, kit)
    assert "set wal_level = logical" in (reader.status.reason or "")
    told = [record.getMessage() for record in caplog.records if "reader: listen" in record.message]
    assert len(told) == 1


async def test_a_login_without_the_right(app_db: DatabaseHandle, kit: Any) -> None:
    reader = AutoReader(app_db.database_url, app_db.database_url)
    await follows(reader, app_db, kit)
    assert "REPLICATION attribute" in (reader.status.reason or "")


async def test_no_replication_url(app_db: DatabaseHandle, kit: Any) -> None:
    reader = AutoReader(app_db.database_url)
    await follows(reader, app_db, kit)
    assert reader.status.reason == "no replication_url is given"


async def test_nobody_answers(app_db: DatabaseHandle, kit: Any) -> None:
    reader = AutoReader(app_db.database_url, "host=127.0.0.1 port=1 user=nobody")
    await follows(reader, app_db, kit)
    assert "refused" in (reader.status.reason or "")


async def test_a_slot_that_waits_for_a_transaction(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any
) -> None:
    """LISTEN serves until the slot is ready, the WAL after that; one log, once."""
    reader = AutoReader(db.database_url, db.replication_url)
    async with await psycopg.AsyncConnection.connect(db.admin_url) as long:
        await long.execute("select pg_current_xact_id()")
        async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
            assert reader.status.kind == "listen"
            assert reader.status.reason == choice.WAITING  # type: ignore[attr-defined]
            await kit.write(admin, 3, prefix="listen")
            got = await kit.take(changes, 3)
            await long.commit()
            turn = 0
            with anyio.fail_after(30):
                while reader.status.kind != "wal" or turn < 20:
                    await kit.write(admin, 1, prefix=f"switch{turn}-")
                    turn += 1
            got += await kit.take(changes, turn)
            assert [one.sync_id for one in got] == await kit.whole_log(admin)
            assert reader.status.reason is None


async def test_the_way_back(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any, monkeypatch: Any
) -> None:
    """The right to replicate is taken away while it streams, and given back."""
    monkeypatch.setattr(choice, "REFUSED_FIRST", 0.2)
    monkeypatch.setattr(choice, "REFUSED_LAST", 0.2)
    reader = AutoReader(db.database_url, db.replication_url)
    login = psycopg.conninfo.conninfo_to_dict(db.replication_url)["user"]
    kinds, turn = [], 0
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        for attribute, kind in (("replication", "wal"), ("noreplication", "listen")) * 2:
            await admin.execute(f'alter role "{login}" {attribute}')
            if kind == "listen":
                await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_replication where usename = %s",
                    (login,),
                )
            with anyio.fail_after(30):
                while reader.status.kind != kind:
                    await kit.write(admin, 1, prefix=f"{turn}-")
                    turn += 1
            kinds.append(reader.status.kind)
        got = [one.sync_id for one in await kit.take(changes, turn)]
        assert got == await kit.whole_log(admin)
    assert kinds == ["wal", "listen"] * 2
