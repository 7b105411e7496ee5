"""Decoder of `pgoutput`, the logical replication messages of Postgres, protocols 1 to 4. Pure.

Postgres manual, "Logical Replication Message Formats"; the values are in `messages`. `decode` takes
one message (what follows the WAL data header, see `copydata`) and returns a frozen value. Messages
never span WAL data records, so nothing is buffered here.

Invariants that callers rely on:
- Protocol 1 sends whole committed transactions in commit order: Begin, changes, Commit.
- A Relation precedes the first change that names its id, and again after a DDL change.
- With `streaming` (protocol 2), changes of transactions in progress come between StreamStart and
  StreamStop, and there alone Relation, Type, Insert, Update, Delete, Truncate and Message carry an
  extra transaction id after their tag; their fate follows as StreamCommit or StreamAbort. Callers
  pass `in_stream` accordingly. Protocol 3 adds prepared transactions, 4 a longer StreamAbort.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as StructError
from typing import Final

from ablo_pg.errors import AbloServerError
from ablo_pg.lsn import LSN
from ablo_pg.relay.messages import (
    UNCHANGED,
    Begin,
    Binary,
    Column,
    Commit,
    Delete,
    Insert,
    LogicalMessage,
    Message,
    Origin,
    Relation,
    StreamAbort,
    StreamCommit,
    StreamStart,
    StreamStop,
    Truncate,
    Tuple,
    TwoPhase,
    Type,
    Update,
    Value,
)

_U8: Final = Struct(">B")
_U16: Final = Struct(">H")
_U32: Final = Struct(">I")
_U64: Final = Struct(">Q")
_BEGIN: Final = Struct(">QqI")
_COMMIT: Final = Struct(">BQQq")
_COLUMN: Final = Struct(">Ii")
_STREAM_COMMIT: Final = Struct(">IBQQq")
_TWO_U32: Final = Struct(">II")


class PgOutputError(AbloServerError):
    """Bytes that are not pgoutput: a protocol we did not ask for, or a decoder bug."""


class _Cursor:
    """Reads one message's fields in order."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def take(self, shape: Struct) -> tuple[int, ...]:
        values = shape.unpack_from(self.data, self.at)
        self.at += shape.size
        return values

    def one(self, shape: Struct) -> int:
        return self.take(shape)[0]

    def text(self) -> str:
        end = self.data.index(0, self.at)
        found = self.data[self.at : end].decode()
        self.at = end + 1
        return found

    def bytes(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self.data):
            raise IndexError(end)
        found = self.data[self.at : end]
        self.at = end
        return found

    def row(self) -> Tuple:
        return tuple(self._value() for _ in range(self.one(_U16)))

    def _value(self) -> Value:
        kind = self.one(_U8)
        if kind == 0x6E:  # n
            return None
        if kind == 0x75:  # u
            return UNCHANGED
        if kind not in (0x74, 0x62):  # t, b
            raise PgOutputError(f"column kind 0x{kind:02x} at byte {self.at - 1}")
        data = self.bytes(self.one(_U32))
        return data if kind == 0x74 else Binary(data)


def decode(data: bytes, at: int = 0, *, in_stream: bool = False) -> LogicalMessage:
    """Decode the message that begins at byte `at` of `data` and goes to its end.

    in_stream: between StreamStart and StreamStop. Raises PgOutputError unless the bytes are one
    whole message.
    """
    cursor = _Cursor(data, at)
    try:
        tag = cursor.one(_U8)
        reader = _READERS.get(tag)
        if reader is None:
            raise PgOutputError(f"message tag 0x{tag:02x} is not pgoutput")
        xid = cursor.one(_U32) if in_stream and tag in _CARRY_XID else None
        message = reader(cursor, xid)
    except (StructError, IndexError, ValueError) as exc:
        raise PgOutputError(f"message {data[at : at + 40]!r} is cut short") from exc
    if cursor.at != len(data):
        raise PgOutputError(f"{len(data) - cursor.at} bytes follow {message!r}")
    return message


def _begin(cursor: _Cursor, xid: int | None) -> Begin:
    lsn, committed_at, begun = cursor.take(_BEGIN)
    return Begin(LSN(lsn), committed_at, begun)


def _commit(cursor: _Cursor, xid: int | None) -> Commit:
    _, commit_lsn, end_lsn, committed_at = cursor.take(_COMMIT)
    return Commit(LSN(commit_lsn), LSN(end_lsn), committed_at)


def _column(cursor: _Cursor) -> Column:
    flags = cursor.one(_U8)
    name = cursor.text()
    type_oid, modifier = cursor.take(_COLUMN)
    return Column(name, type_oid, modifier, flags & 1 == 1)


def _relation(cursor: _Cursor, xid: int | None) -> Relation:
    relation_id = cursor.one(_U32)
    schema, name, identity = cursor.text(), cursor.text(), chr(cursor.one(_U8))
    columns = tuple(_column(cursor) for _ in range(cursor.one(_U16)))
    return Relation(relation_id, schema or "pg_catalog", name, identity, columns, xid)


def _expect_new(cursor: _Cursor, kind: int) -> Tuple:
    if kind != 0x4E:  # N
        raise PgOutputError(f"row kind 0x{kind:02x} where N was due")
    return cursor.row()


def _insert(cursor: _Cursor, xid: int | None) -> Insert:
    return Insert(cursor.one(_U32), _expect_new(cursor, cursor.one(_U8)), xid)


def _update(cursor: _Cursor, xid: int | None) -> Update:
    relation_id, kind, old = cursor.one(_U32), cursor.one(_U8), None
    if kind in (0x4B, 0x4F):  # K, O
        old, kind = cursor.row(), cursor.one(_U8)
    return Update(relation_id, old, _expect_new(cursor, kind), xid)


def _delete(cursor: _Cursor, xid: int | None) -> Delete:
    relation_id, kind = cursor.one(_U32), cursor.one(_U8)
    if kind not in (0x4B, 0x4F):
        raise PgOutputError(f"row kind 0x{kind:02x} where K or O was due")
    return Delete(relation_id, cursor.row(), xid)


def _truncate(cursor: _Cursor, xid: int | None) -> Truncate:
    count, options = cursor.one(_U32), cursor.one(_U8)
    return Truncate(tuple(cursor.one(_U32) for _ in range(count)), options, xid)


def _origin(cursor: _Cursor, xid: int | None) -> Origin:
    return Origin(LSN(cursor.one(_U64)), cursor.text())


def _type(cursor: _Cursor, xid: int | None) -> Type:
    return Type(cursor.one(_U32), cursor.text() or "pg_catalog", cursor.text(), xid)


def _message(cursor: _Cursor, xid: int | None) -> Message:
    flags, lsn, prefix = cursor.one(_U8), LSN(cursor.one(_U64)), cursor.text()
    return Message(flags & 1 == 1, lsn, prefix, cursor.bytes(cursor.one(_U32)), xid)


def _stream_start(cursor: _Cursor, xid: int | None) -> StreamStart:
    return StreamStart(cursor.one(_U32), cursor.one(_U8) == 1)


def _stream_stop(cursor: _Cursor, xid: int | None) -> StreamStop:
    return StreamStop()


def _stream_commit(cursor: _Cursor, xid: int | None) -> StreamCommit:
    top, _, commit_lsn, end_lsn, committed_at = cursor.take(_STREAM_COMMIT)
    return StreamCommit(top, LSN(commit_lsn), LSN(end_lsn), committed_at)


def _stream_abort(cursor: _Cursor, xid: int | None) -> StreamAbort:
    top, subxid = cursor.take(_TWO_U32)
    if len(cursor.data) - cursor.at == 16:  # protocol 4
        cursor.at += 16
    return StreamAbort(top, subxid)


def _two_phase(cursor: _Cursor, xid: int | None) -> TwoPhase:
    tag = chr(cursor.data[cursor.at - 1])
    return TwoPhase(tag, cursor.bytes(len(cursor.data) - cursor.at))


_READERS: Final[dict[int, Callable[[_Cursor, int | None], LogicalMessage]]] = {
    0x42: _begin,
    0x43: _commit,
    0x52: _relation,
    0x49: _insert,
    0x55: _update,
    0x44: _delete,
    0x54: _truncate,
    0x4F: _origin,
    0x59: _type,
    0x4D: _message,
    0x53: _stream_start,
    0x45: _stream_stop,
    0x63: _stream_commit,
    0x41: _stream_abort,
    0x62: _two_phase,
    0x50: _two_phase,
    0x4B: _two_phase,
    0x72: _two_phase,
    0x70: _two_phase,
}
_CARRY_XID: Final = frozenset(b"RYIUDTM")
