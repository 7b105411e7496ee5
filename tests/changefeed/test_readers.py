"""Every reader brings the same: each organization's log, in order, without gap or repeat."""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.changefeed import listen
from ablo_pg.db.log import PostgresLog
from ablo_pg.db.notifications import DELTAS, hold_lock
from ablo_pg.db.pool import Database
from ablo_pg.db.routines import SESSION_NOTIFY
from ablo_pg.errors import AbloError
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
KINDS = ["wal", "listen", "auto"]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_comes_live_is_what_the_log_holds(
    kind: str, make_reader: Any, run_hub: Any, db: DatabaseHandle, admin: Any, kit: Any
) -> None:
    async with run_hub(make_reader(kind)) as hub, hub.subscribe("acme") as changes:
        await kit.write(admin, 3)
        await admin.execute(
            "update tasks set title = 'ü \"x\"', archived_at = now() where id = 't1'"
        )
        await admin.execute("delete from tasks where id = 't2'")
        found = await kit.take(changes, 5)
        assert found == await hub.log.read("acme", 0, 100)
        assert [one.op for one in found] == ["I", "I", "I", "A", "D"]
        assert set(found[3].changed) == {"title", "archivedAt", "updatedAt"}
        assert found[4].row is None
        assert changes.cursor == found[-1].sync_id
        assert hub.disconnected == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_i1_i7_concurrent_writers_and_joiners(
    kind: str, make_reader: Any, run_hub: Any, db: DatabaseHandle, admin: Any, kit: Any
) -> None:
    """Subscribers join at any time and cursor while four sessions write to two organizations."""
    starts: list[tuple[str, int, list[int]]] = []

    async def writer(number: int) -> None:
        async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as conn:
            for turn in range(25):
                organization = ("acme", "umbrella")[(number + turn) % 2]
                await kit.write(conn, 3, organization, f"{number}-{turn}-")

    async def follow(hub: Any, organization: str, cursor: int | None) -> None:
        async with hub.subscribe(organization, cursor=cursor) as changes:
            got: list[int] = []
            starts.append((organization, changes.cursor if cursor is None else cursor, got))
            async for change in changes:
                got.append(change.sync_id)

    async with (
        run_hub(make_reader(kind), queue_count=20) as hub,
        anyio.create_task_group() as followers,
    ):
        async with anyio.create_task_group() as writers:
            for number in range(4):
                writers.start_soon(writer, number)
            for _ in range(10):
                for organization in ("acme", "umbrella"):
                    head = await hub.log.head(organization)
                    followers.start_soon(follow, hub, organization, None)
                    followers.start_soon(follow, hub, organization, head // 2)
        await kit.until(lambda: len(starts) == 40)
        logs = {name: await kit.whole_log(admin, name) for name in ("acme", "umbrella")}
        assert sum(map(len, logs.values())) == 300
        await kit.until(lambda: all(got[-1:] == logs[name][-1:] or start >= logs[name][-1]
                                        for name, start, got in starts))  # fmt: skip
        followers.cancel_scope.cancel()
    for name, start, got in starts:
        assert got == [sync_id for sync_id in logs[name] if sync_id > start]


@pytest.mark.parametrize("kind", ["wal", "listen"])
async def test_groups_and_models_narrow_live_and_caught_up(
    kind: str, make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    async with run_hub(make_reader(kind)) as hub:
        one = hub.subscribe("acme", groups=["tasks:t2"])
        none = hub.subscribe("acme", models=["Nothing"])
        async with one, none, hub.subscribe("acme") as everything:
            await kit.write(admin, 3)
            assert [d.row_id for d in await kit.take(one, 1)] == ["t2"]
            last = (await kit.take(everything, 3))[-1].sync_id
            assert (one.cursor, none.cursor) == (last, last)
        async with hub.subscribe("acme", groups=["tasks:t3", "default"], cursor=0) as both:
            assert [d.row_id for d in await kit.take(both, 3)] == ["t1", "t2", "t3"]


async def test_cursors_that_the_log_cannot_serve(run_hub: Any, admin: Any, kit: Any) -> None:
    async with run_hub(None) as hub:
        await kit.write(admin, 3)
        with pytest.raises(AbloError) as caught:
            await hub.subscribe("acme", cursor=10**12).begin()
        assert caught.value.code == "cursor_ahead"
        await admin.execute("update ablo.log_state set dropped_through = 2")
        with pytest.raises(AbloError) as caught:
            await hub.subscribe("acme", cursor=1).begin()
        assert caught.value.code == "snapshot_required"
        assert caught.value.remedy


async def test_a_slow_subscriber_goes_on_from_the_log(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    """One transaction of more rows than a queue holds: cut loose, then caught up, once each."""
    async with run_hub(make_reader("wal"), queue_count=50) as hub, hub.subscribe("acme") as slow:
        await kit.write(admin, 2000)
        await kit.until(lambda: slow.times_cut > 0)
        assert slow.cursor == 0
        found = [one.sync_id for one in await kit.take(slow, 2000)]
        assert found == await kit.whole_log(admin)


async def test_a_burst_is_read_once_for_all_that_it_cuts(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[list[int]] = []

    async def follow(hub: Any) -> None:
        async with hub.subscribe("acme", cursor=0) as changes:
            ids: list[int] = []
            got.append(ids)
            while len(ids) < 3000:
                ids += [one.sync_id for one in await changes.batch()]

    async with run_hub(make_reader("wal"), queue_count=50) as hub:
        reads = count_reads(hub, monkeypatch)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(follow, hub)
            await kit.until(lambda: len(got) == 20 and len(hub.channels["acme"]) == 20)
            await kit.write(admin, 3000)
        assert hub.disconnected >= 20
        log = await kit.whole_log(admin)
    assert got == [log] * 20
    assert len(reads) < 40  # a subscriber alone needs 8 pages


async def test_a_lone_commit_is_read_on_the_listening_connection(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "POLL_SECONDS", 60.0)
    holds = """select exists (select from pg_locks where locktype = 'advisory' and granted
                 and mode = 'ExclusiveLock' and database =
                     (select oid from pg_database where datname = current_database()))"""
    await admin.execute(SESSION_NOTIFY)
    async with run_hub(make_reader("listen")) as hub, hub.subscribe("acme") as changes:
        await kit.until_rows(admin, f"select where ({holds})", seconds=10)
        await kit.write(admin, 1)
        first = await kit.take(changes, 1)
        reads = count_reads(hub, monkeypatch)
        await kit.write(admin, 1, prefix="u")
        assert [one.row_id for one in (*first, *await kit.take(changes, 1))] == ["t1", "u1"]
        assert reads == []
        await kit.write(admin, 300, prefix="v")  # the first page there, the others over the pool
        assert [one.row_id for one in await kit.take(changes, 300)] == [
            f"v{number}" for number in range(1, 301)
        ]
        assert reads


def count_reads(hub: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with each read of the log over the pool."""
    reads: list[int] = []
    read = hub.log.read

    async def counted(organization: str, after: int, limit: int) -> Any:
        reads.append(after)
        return await read(organization, after, limit)

    monkeypatch.setattr(hub.log, "read", counted)
    return reads


async def test_the_listen_lock_is_held_once_and_is_not_starved(db: DatabaseHandle) -> None:
    connect = psycopg.AsyncConnection.connect
    async with (
        await connect(db.database_url, autocommit=True) as first,
        await connect(db.database_url, autocommit=True) as second,
        await connect(db.admin_url) as commit,
    ):
        key = DELTAS.key
        assert key
        assert await hold_lock(first, key)
        assert not await hold_lock(second, key)
        await first.close()
        await commit.execute("select pg_advisory_xact_lock_shared(ablo.listen_key())")
        assert not await hold_lock(second, key)  # it was in line, and gave up
        async with anyio.create_task_group() as group:
            held: list[bool] = []

            async def wait() -> None:
                held.append(await hold_lock(second, key))

            group.start_soon(wait)
            await commit.rollback()
        assert held == [True]


async def test_the_log_reads_by_index(admin: Any, kit: Any, db: DatabaseHandle) -> None:
    database = Database(db.database_url)
    log = PostgresLog(database)
    await kit.write(admin, 5)
    await kit.write(admin, 2, "umbrella", "u")
    assert await log.heads(["acme", "umbrella", "nobody"]) == {
        "acme": 5,
        "umbrella": 7,
        "nobody": 0,
    }
    assert [one.sync_id for one in await log.read("acme", 1, 2)] == [2, 3]
    assert [one.sync_id for one in await log.read("acme", 1, 9, through=4)] == [2, 3, 4]
    await database.close()
