"""The complete decoder on what a real server sends, streamed transactions included."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.changefeed import messages as m
from ablo_pg.changefeed.pgoutput import decode

pytestmark = pytest.mark.anyio
MANY = "insert into things select {}, repeat('x', 100) from generate_series(1, 2000) n"
CHANGES = """
select data from pg_logical_slot_get_binary_changes('live', null, null, 'proto_version', %s,
  'publication_names', 'live', 'messages', 'true', 'streaming', %s, 'binary', %s)"""


async def changes(admin: Any, protocol: str, streaming: str, binary: str = "off") -> list[Any]:
    """Decode what the slot has, as a client that follows StreamStart and StreamStop would."""
    found: list[Any] = []
    in_stream = False
    rows = await (await admin.execute(CHANGES, (protocol, streaming, binary))).fetchall()
    for (data,) in rows:
        message = decode(bytes(data), in_stream=in_stream)
        in_stream = isinstance(message, m.StreamStart) or (
            in_stream and not isinstance(message, m.StreamStop)
        )
        found.append(message)
    return found


@pytest.fixture
async def live(admin: Any) -> Any:
    """A table of everything, published, and a slot on it."""
    await admin.execute("create type mood as enum ('fine')")
    await admin.execute("create table things (id int primary key, note text, mood mood)")
    await admin.execute("alter table things replica identity full")
    await admin.execute("alter table things alter note set storage external")
    await admin.execute("create publication live for table things")
    await admin.execute("select pg_create_logical_replication_slot('live', 'pgoutput')")
    yield admin
    await admin.execute("select pg_drop_replication_slot('live')")


async def test_every_kind_of_change(live: Any) -> None:
    await live.execute("insert into things values (1, repeat('x', 5000), 'fine'), (2, 'ü', null)")
    await live.execute("update things set mood = null")
    await live.execute("delete from things where id = 2")
    await live.execute("truncate things restart identity cascade")
    await live.execute("select pg_logical_emit_message(true, 'hint', 'now')")
    found = await changes(live, "1", "off")
    kinds = [type(message).__name__ for message in found]
    assert kinds == [
        *["Begin", "Type", "Relation", "Insert", "Insert", "Commit"],
        *["Begin", "Update", "Update", "Commit", "Begin", "Delete", "Commit"],
        *["Begin", "Type", "Relation", "Truncate", "Commit", "Begin", "Message", "Commit"],
    ]
    by_kind = {type(message): message for message in reversed(found)}
    relation = by_kind[m.Relation]
    assert (relation.schema, relation.name, relation.replica_identity) == ("public", "things", "f")
    assert [column.name for column in relation.columns] == ["id", "note", "mood"]
    assert by_kind[m.Type].name == "mood"
    assert by_kind[m.Insert].new == (b"1", b"x" * 5000, b"fine")
    assert by_kind[m.Update].old[2] == b"fine"
    assert by_kind[m.Update].new[2] is None
    assert by_kind[m.Delete].old == (b"2", "ü".encode(), None)
    assert by_kind[m.Truncate] == m.Truncate((relation.relation_id,), 3)
    assert (by_kind[m.Message].prefix, by_kind[m.Message].content) == ("hint", b"now")
    assert by_kind[m.Commit].end_lsn > by_kind[m.Commit].commit_lsn == by_kind[m.Begin].final_lsn


async def test_an_unchanged_long_value_and_the_binary_format(live: Any) -> None:
    await live.execute("alter table things replica identity default")
    await live.execute("insert into things values (258, repeat('x', 5000), null)")
    await live.execute("update things set mood = 'fine'")
    found = await changes(live, "1", "off", "on")
    update = next(message for message in found if isinstance(message, m.Update))
    assert update.new == (m.Binary(b"\0\0\1\2"), m.UNCHANGED, m.Binary(b"fine"))


@pytest.mark.parametrize("protocol", ["2", "3", "4"])
async def test_transactions_streamed_while_they_run(live: Any, protocol: str) -> None:
    """One that commits with an undone savepoint, and one that is rolled back."""
    version = int((await (await live.execute("show server_version_num")).fetchone())[0])
    if protocol == "4" and version < 160000:
        pytest.skip("protocol 4 came with Postgres 16")
    await live.execute("set logical_decoding_work_mem = '64kB'")
    await live.execute("begin")
    await live.execute(MANY.format("n"))
    await live.execute("savepoint s")
    await live.execute(MANY.format("-n"))
    await live.execute("rollback to s")
    await live.execute("commit")
    await live.execute("insert into things values (0)")
    found = await changes(live, protocol, "on")
    starts = [message for message in found if isinstance(message, m.StreamStart)]
    (commit,) = (message for message in found if isinstance(message, m.StreamCommit))
    assert starts[0] == m.StreamStart(commit.xid, True)
    aborted = {message.subxid for message in found if isinstance(message, m.StreamAbort)}
    inserts = [message for message in found if isinstance(message, m.Insert)]
    kept = [i.new[0] for i in inserts if i.xid is not None and i.xid not in aborted]
    assert kept == [str(n).encode() for n in range(1, 2001)]
    assert inserts[-1].xid is None
    assert any(isinstance(message, m.StreamStop) for message in found)
