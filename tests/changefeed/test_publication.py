"""What else a real server sends in the log's stream: ignored where it is harmless, else refused."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


async def test_transactions_of_an_origin_and_columns_of_a_type_of_ones_own(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any
) -> None:
    """An Origin follows Begin where the rows were replicated here; a Type precedes the Relation."""
    await admin.execute("create type mood as enum ('fine')")
    await admin.execute("alter table ablo.delta add column mood mood default 'fine'")
    await admin.execute("select pg_replication_origin_create(current_database())")
    try:
        await admin.execute("select pg_replication_origin_session_setup(current_database())")
        reader = make_reader("wal")
        async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
            since = reader.status.since
            await kit.write(admin, 3)
            found = [one.sync_id for one in await kit.take(changes, 3)]
            assert found == await kit.whole_log(admin)
            assert (reader.status.kind, reader.status.since) == ("wal", since)
    finally:
        await admin.execute("select pg_replication_origin_session_reset()")
        await admin.execute("select pg_replication_origin_drop(current_database())")


ALL = "alter publication ablo_delta set (publish = 'insert, update, delete, truncate')"


@pytest.mark.parametrize(
    ("odd", "named"),
    [
        ("update ablo.delta set actor = actor", "update"),
        ("delete from ablo.delta", "delete"),
        ("truncate ablo.delta", "truncate"),
    ],
)
async def test_a_publication_of_more_than_inserts_is_refused(
    make_reader: Any, run_hub: Any, admin: Any, kit: Any, odd: str, named: str
) -> None:
    """It breaks the stream, says so, and costs subscribers nothing; the next stream goes on."""
    await admin.execute(ALL)
    reader = make_reader("auto")
    async with run_hub(reader) as hub, hub.subscribe("acme") as changes:
        await kit.write(admin, 3, prefix="secret")
        first = [one.sync_id for one in await kit.take(changes, 3)]
        await kit.until(lambda: reader.status.kind == "wal")
        await admin.execute(odd)
        reason = f"does not ask for: {named}"
        await kit.until(lambda: reason in (reader.status.reason or ""))
        assert "secret" not in (reader.status.reason or "")
        await kit.until(lambda: reader.status.kind == "wal")
        await kit.write(admin, 3, prefix="u")
        second = [one.sync_id for one in await kit.take(changes, 3)]
        whole = await kit.whole_log(admin)
        assert (first + second)[-len(whole) :] == whole
        assert first + second == sorted({*first, *second})
