"""The decoder, against bytes captured from Postgres 15 and against its opposite."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ablo_pg.changefeed import messages as m
from ablo_pg.changefeed.copydata import HEADER, Keepalive, decode_keepalive, encode_status
from ablo_pg.changefeed.pgoutput import PgOutputError, decode
from ablo_pg.lsn import LSN

from .encoder import encode

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
INSERT_BINARY = (
    b"w\x00\x00\x00\x00\x01\x98@\xe8\x00\x00\x00\x00\x01\x98@\xe8\x00\x03\x03\xe9\x9a\xe0\x94\xbeI"
    b"\x00\x00@\x07N\x00\x03b\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00\x00\x0bb\x00\x00\x00\x05org-2n"
)
COMMIT = (
    b"w\x00\x00\x00\x00\x01\x931\xe8\x00\x00\x00\x00\x01\x931\xe8\x00\x03\x03\xe9j\xa6\x10\x0fC\x00"
    b"\x00\x00\x00\x00\x01\x931\xb8\x00\x00\x00\x00\x01\x931\xe8\x00\x03\x03\xe9j\xa5\xfb\xcf"
)


def test_captured_bytes() -> None:
    clock = 848725981658063
    assert decode_keepalive(KEEPALIVE) == Keepalive(LSN.parse("0/1933070"), 848725981662621, False)
    assert decode(BEGIN, HEADER) == m.Begin(LSN.parse("0/19331B8"), clock, 745)
    assert decode(COMMIT, HEADER) == m.Commit(LSN.parse("0/19331B8"), LSN.parse("0/19331E8"), clock)
    assert decode(RELATION, HEADER) == m.Relation(
        0x4007,
        "ablo",
        "delta",
        "d",
        (
            m.Column("sync_id", 20, -1, True),
            m.Column("groups", 1009, -1, False),
            m.Column("row", 114, -1, False),
        ),
    )
    insert = decode(INSERT, HEADER)
    assert isinstance(insert, m.Insert)
    assert insert.new[:6] == (b"4", b"acme", b"Task", b"r1", b"I", b"{org:acme}")
    assert insert.new[7:9] == (None, b"user:u1")
    assert decode(INSERT_BINARY, HEADER) == m.Insert(
        0x4007, (m.Binary(b"\0\0\0\0\0\0\0\x0b"), m.Binary(b"org-2"), None)
    )


def test_status_bytes() -> None:
    status = encode_status(0x19331E8, 1, reply=True)
    assert status == b"r" + b"\0\0\0\0\x01\x931\xe8" * 3 + b"\0\0\0\0\0\0\0\x01" + b"\x01"


u32 = st.integers(0, 2**32 - 1)
clock = st.integers(-(2**63), 2**63 - 1)
lsn = st.integers(0, 2**64 - 1).map(LSN)
name = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
value = st.none() | st.just(m.UNCHANGED) | st.binary() | st.binary().map(m.Binary)
values = st.lists(value, max_size=8).map(tuple)
column = st.builds(m.Column, name, u32, st.integers(-(2**31), 2**31 - 1), st.booleans())
columns = st.lists(column, max_size=8).map(tuple)
identity = st.sampled_from("dnfi")
ids = st.lists(u32, max_size=5).map(tuple)

# Messages that carry a transaction id inside a stream, and those that never do.
carrying = (
    (m.Relation, u32, name, name, identity, columns),
    (m.Insert, u32, values),
    (m.Update, u32, st.none() | values, values),
    (m.Delete, u32, values),
    (m.Truncate, ids, st.integers(0, 3)),
    (m.Type, u32, name, name),
    (m.Message, st.booleans(), lsn, name, st.binary()),
)
alone = st.one_of(
    st.builds(m.Begin, lsn, clock, u32),
    st.builds(m.Commit, lsn, lsn, clock),
    st.builds(m.Origin, lsn, name),
    st.builds(m.StreamStart, u32, st.booleans()),
    st.builds(m.StreamStop),
    st.builds(m.StreamCommit, u32, lsn, lsn, clock),
    st.builds(m.StreamAbort, u32, u32),
    st.builds(m.TwoPhase, st.sampled_from("bPKrp"), st.binary()),
)
committed = st.one_of(alone, *(st.builds(*one) for one in carrying))
streamed = st.one_of(alone, *(st.builds(*one, u32) for one in carrying))


@given(committed)
def test_round_trip(message: m.LogicalMessage) -> None:
    assert decode(encode(message)) == message


@given(streamed)
def test_round_trip_inside_a_stream(message: m.LogicalMessage) -> None:
    assert decode(encode(message), in_stream=True) == message


@given(committed, st.data())
def test_anything_but_one_whole_message_is_refused(
    message: m.LogicalMessage, data: st.DataObject
) -> None:
    whole = encode(message)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for wrong in (cut, whole + b"\0"):
        with suppress(PgOutputError):
            assert decode(wrong) != message


@given(st.binary(max_size=60))
def test_garbage_never_raises_anything_else(data: bytes) -> None:
    for in_stream in (False, True):
        with suppress(PgOutputError):
            decode(data, in_stream=in_stream)


def test_protocol_4_stream_abort_is_longer() -> None:
    assert decode(b"A\0\0\0\x07\0\0\0\x09" + b"\0" * 16) == m.StreamAbort(7, 9)


@pytest.mark.parametrize("payload", [b"", b"?", b"I\0\0\0\1O\0\0", b"D\0\0\0\1N\0\0"])
def test_what_is_not_pgoutput_says_so(payload: bytes) -> None:
    with pytest.raises(PgOutputError) as caught:
        decode(payload)
    assert caught.value.http_status == 500
