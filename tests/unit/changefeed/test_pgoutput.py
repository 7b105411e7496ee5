"""What a stream may bring, against bytes captured from Postgres 15; all else is refused by type."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.changefeed.arrival import Assembler
from ablo_pg.changefeed.copydata import HEADER, Keepalive, decode_keepalive, encode_status
from ablo_pg.changefeed.pgoutput import PgOutputError, Relation, decode_relation
from ablo_pg.errors import AbloError
from ablo_pg.lsn import LSN
from ablo_pg.relay.pgoutput import decode

from .encoder import begin, commit, insert_into, relation, wal_data

# CopyData as a walsender sent them, of: insert into ablo.delta ... (one row).
KEEPALIVE = b"k\x00\x00\x00\x00\x01\x930p\x00\x03\x03\xe9j\xa6\r\x9d\x00"
BEGIN = (
    b"w\x00\x00\x00\x00\x01\x930p\x00\x00\x00\x00\x01\x930p\x00\x03\x03\xe9j\xa6\x0fKB"
    b"\x00\x00\x00\x00\x01\x931\xb8\x00\x03\x03\xe9j\xa5\xfb\xcf\x00\x00\x02\xe9"
)
RELATION = (
    b"w\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x03\x03\xe9j\xa6\x0f\xad"
    b"R\x00\x00@\x07ablo\x00delta\x00d\x00\x03\x01sync_id\x00\x00\x00\x00\x14\xff\xff\xff\xff"
    b"\x00groups\x00\x00\x00\x03\xf1\xff\xff\xff\xff\x00row\x00\x00\x00\x00r\xff\xff\xff\xff"
)
INSERT = (
    b"w\x00\x00\x00\x00\x01\x930p\x00\x00\x00\x00\x01\x930p\x00\x03\x03\xe9j\xa6\x10\x0bI\x00\x00@\x07N"
    b"\x00\x0ft\x00\x00\x00\x014t\x00\x00\x00\x04acmet\x00\x00\x00\x04Taskt\x00\x00\x00\x02r1"
    b"t\x00\x00\x00\x01It\x00\x00\x00\n{org:acme}"
    b't\x00\x00\x00\x1b{"id":"r1","title":"Write"}nt\x00\x00\x00\x07user:u1nnn'
    b"t\x00\x00\x00\x02t1t\x00\x00\x00\x03745t\x00\x00\x00\x1e2026-11-23 05:13:01.65672+00:0"
)
COMMIT = (
    b"w\x00\x00\x00\x00\x01\x931\xe8\x00\x00\x00\x00\x01\x931\xe8\x00\x03\x03\xe9j\xa6\x10\x0fC\x00"
    b"\x00\x00\x00\x00\x01\x931\xb8\x00\x00\x00\x00\x01\x931\xe8\x00\x03\x03\xe9j\xa5\xfb\xcf"
)
TRANSACTION = [begin(100), relation(), insert_into(0x4007, [b"1", b"acme"]), commit(100, 120)]


def test_captured_bytes() -> None:
    assert decode_keepalive(KEEPALIVE) == Keepalive(LSN.parse("0/1933070"), 848725981662621, False)
    columns = ("sync_id", "groups", "row")
    assert decode_relation(RELATION, HEADER) == Relation(0x4007, "ablo", "delta", columns)
    assembler = Assembler()
    for data in (BEGIN, relation(), INSERT):
        assert assembler.feed(data) is None
    (found,) = assembler.batch
    assert (found.sync_id, found.organization_id, found.message) == (4, "acme", INSERT)
    assert assembler.confirmable == 0
    assembler.feed(COMMIT)
    assert assembler.confirmable == LSN.parse("0/19331E8")
    assert (assembler.committed_at, assembler.server_clock) == (848725981658063, 848725981663247)


def test_status_bytes() -> None:
    status = encode_status(0x19331E8, 1, reply=True)
    assert status == b"r" + b"\0\0\0\0\x01\x931\xe8" * 3 + b"\0\0\0\0\0\0\0\x01" + b"\x01"


name = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(st.integers(0, 2**32 - 1), name, name, st.lists(name, max_size=8), st.data())
def test_a_relation_is_read_whole_or_refused(
    number: int, schema: str, table: str, columns: list[str], data: st.DataObject
) -> None:
    whole = relation(number, schema, table, columns)
    expected = Relation(number, schema or "pg_catalog", table, tuple(columns))
    assert decode_relation(whole, HEADER) == expected
    cut = whole[: data.draw(st.integers(HEADER, len(whole) - 1))]
    for wrong in (cut, whole + b"\0"):
        with pytest.raises(PgOutputError):
            Assembler().feed(wrong)


@given(st.binary(max_size=60))
def test_garbage_raises_nothing_untyped(data: bytes) -> None:
    assembler = Assembler()
    assembler.feed(relation())
    for each in (data, wal_data(data), wal_data(b"I\0\0\x40\x07" + data)):
        with suppress(AbloError):
            assembler.feed(each)


# One that a user of other options would get: update, delete, truncate, logical message, those of
# protocols 2 to 4 (streams in progress, prepared transactions), and what Postgres may add yet.
KINDS = b"UDTM" + b"SEcA" + b"bPKrp" + b"?\0\xff"


@pytest.mark.parametrize("tag", [bytes([each]) for each in KINDS])
def test_what_is_not_asked_for_is_refused_by_type(tag: bytes) -> None:
    assembler = Assembler()
    for data in TRANSACTION:
        assembler.feed(data)
    for body in (b"", b"\0\0\x40\x07N\0\0", b"secret" * 5):
        with pytest.raises(PgOutputError, match="does not ask for") as caught:
            assembler.feed(wal_data(tag + body))
        assert caught.value.http_status == 500
        assert "ablo_delta" in (caught.value.remedy or "")
        assert "secret" not in str(caught.value)
    assert assembler.confirmable == 120
    assert len(assembler.batch) == 1


def test_every_tag_is_read_ignored_or_refused() -> None:
    """Nothing is taken in silence but the origin of a transaction and a column's own type."""
    silent = set()
    for tag in range(256):
        assembler = Assembler()
        assembler.feed(relation())
        with suppress(PgOutputError):
            assembler.feed(wal_data(bytes([tag]) + b"\0" * 40))
            silent.add(chr(tag))
    assert silent == {"B", "C", "O", "Y"}


def test_inserts_into_another_table_are_refused() -> None:
    assembler = Assembler()
    for data in TRANSACTION[:2]:
        assembler.feed(data)
    assembler.feed(relation(9, "public", "delta", ["id"]))  # published, and nothing came of it yet
    with pytest.raises(PgOutputError, match="insert"):
        assembler.feed(insert_into(9, [b"1"]))
    assembler.feed(TRANSACTION[2])
    assert len(assembler.batch) == 1


@given(st.binary(max_size=60) | st.binary(max_size=120).map(lambda rest: b"I\0\0\0\1N" + rest))
def test_one_message_is_decoded_or_refused(message: bytes) -> None:
    """Nothing but PgOutputError: any other exception would be taken for a fault of ours."""
    with suppress(PgOutputError):
        decode(message, 0)
    with pytest.raises(PgOutputError):
        decode(message, 0, in_stream=True)
