"""A publication that is altered beside its stream: what it leaves out comes from the log, in order.

pgoutput sends neither what a publication leaves out nor a word about it.
"""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.changefeed import AutoReader, stream
from ablo_pg.testing import DatabaseHandle

pytestmark = pytest.mark.anyio
ALTER = "alter publication ablo_delta "
ALTERED = {
    "no inserts": "set (publish = 'update')",
    "a row filter": "set table ablo.delta where (organization_id = 'other')",
    "some columns": "set table ablo.delta (sync_id, organization_id)",
    "without the log": "drop table ablo.delta",
    "by partition": "set (publish_via_partition_root = false)",
    "more tables": "add table tasks",
    "a whole schema": "add tables in schema public",
    "renamed": "rename to other",
}
RIGHT = (
    "set table ablo.delta",
    "set (publish = 'insert', publish_via_partition_root = true)",
)


async def restored(admin: Any) -> None:
    for change in RIGHT:
        await admin.execute(ALTER + change)


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
async def test_a_publication_that_stays_altered(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any, monkeypatch: Any, change: str
) -> None:
    monkeypatch.setattr(stream, "CHECK_SECONDS", 0.1)
    reader = AutoReader(db.database_url, db.replication_url)
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        await kit.until(lambda: reader.status.kind == "wal")
        await kit.write(admin, 1, prefix="before")
        found = await kit.take(changes, 1)
        await admin.execute(ALTER + change)
        await kit.write(admin, 2, prefix="after")
        found += await kit.take(changes, 2)
        await kit.until(lambda: reader.status.kind == "listen")
        assert "ablo-pg connect" in (reader.status.reason or "")
        assert "after" not in (reader.status.reason or "")
        await admin.execute("drop publication if exists other")
        [drift] = await (await admin.execute("select ablo.drift_check()")).fetchall()
        assert "publication ablo_delta" in drift[0]
        if change.startswith("rename"):
            await admin.execute("create publication ablo_delta for table ablo.delta")
        await restored(admin)
        await kit.until(lambda: reader.status.kind == "wal")
        await kit.write(admin, 1, prefix="last")
        found += await kit.take(changes, 1)
        assert [one.sync_id for one in found] == await kit.whole_log(admin)


async def test_a_publication_that_was_altered_for_a_moment(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any, monkeypatch: Any
) -> None:
    """Nothing behind the gap arrives before what is in it, though nothing looks in between."""
    monkeypatch.setattr(stream, "CHECK_SECONDS", 1000.0)
    reader = AutoReader(db.database_url, db.replication_url)
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        await kit.until(lambda: reader.status.kind == "wal")
        await kit.write(admin, 1, prefix="before")
        found = await kit.take(changes, 1)
        for turn in range(3):
            await admin.execute(ALTER + "set (publish = 'update')")
            await kit.write(admin, 2, prefix=f"missed{turn}")
            await restored(admin)
            await kit.write(admin, 1, prefix=f"after{turn}")
            found += await kit.take(changes, 3)
        assert [one.sync_id for one in found] == await kit.whole_log(admin)


async def test_a_stream_that_does_not_ask_is_caught(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any, monkeypatch: Any
) -> None:
    """The mutant: a description of the log is taken for nothing."""

    async def unasked(self: Any) -> str:
        return "as it was"

    monkeypatch.setattr("ablo_pg.db.log.PostgresLog.publication", unasked)
    reader = AutoReader(db.database_url, db.replication_url)
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        await kit.until(lambda: reader.status.kind == "wal")
        await admin.execute(ALTER + "set (publish = 'update')")
        await kit.write(admin, 1, prefix="missed")
        await restored(admin)
        await kit.write(admin, 1, prefix="after")
        found = await kit.take(changes, 1)
        assert [one.sync_id for one in found] != (await kit.whole_log(admin))[:1]


async def test_other_reasons_to_describe_the_log_leave_the_stream_alone(
    db: DatabaseHandle, admin: Any, run_hub: Any, kit: Any
) -> None:
    reader = AutoReader(db.database_url, db.replication_url)
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        await kit.until(lambda: reader.status.kind == "wal")
        since = reader.status.since
        for turn in range(3):
            await kit.write(admin, 2, prefix=f"{turn}-")
            await kit.take(changes, 2)
            await admin.execute("analyze ablo.delta")
            await admin.execute("create index on ablo.delta (created_at)")
        assert (reader.status.kind, reader.status.since) == ("wal", since)
