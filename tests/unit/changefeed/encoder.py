"""Writes pgoutput and its WAL data header: the decoder's opposite, for round trips."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from ablo_pg.changefeed import messages as m
from ablo_pg.delta import COLUMNS, Delta

WAL_END = 0x19331E8
LOG_RELATION = 0x4007


def wal_data(payload: bytes) -> bytes:
    return struct.pack(">BQQq", 0x77, WAL_END, WAL_END, 848725981658063) + payload


def keepalive(wal_end: int, *, reply: bool = False) -> bytes:
    return struct.pack(">BQqB", 0x6B, wal_end, 848725981658063, reply)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def row(values: m.Tuple) -> bytes:
    parts = [struct.pack(">H", len(values))]
    for value in values:
        if value is None:
            parts.append(b"n")
        elif isinstance(value, m.Unchanged):
            parts.append(b"u")
        elif isinstance(value, m.Binary):
            parts.append(b"b" + struct.pack(">I", len(value.data)) + value.data)
        else:
            parts.append(b"t" + struct.pack(">I", len(value)) + value)
    return b"".join(parts)


def encode(message: m.LogicalMessage) -> bytes:
    """Return the payload of one message; its xid, if it has one, as inside a stream."""
    xid = getattr(message, "xid", None)
    carries = not isinstance(message, m.Begin | m.StreamStart | m.StreamCommit | m.StreamAbort)
    prefix = struct.pack(">I", xid) if carries and xid is not None else b""
    tag, body = _encode(message)
    return tag + prefix + body


def _encode(message: Any) -> tuple[bytes, bytes]:
    pack = struct.pack
    match message:
        case m.Begin(lsn, at, xid):
            return b"B", pack(">QqI", lsn, at, xid)
        case m.Commit(lsn, end, at):
            return b"C", pack(">BQQq", 0, lsn, end, at)
        case m.Relation(relation, schema, name, identity, columns):
            head = pack(">I", relation) + text(schema) + text(name) + identity.encode()
            return b"R", head + pack(">H", len(columns)) + b"".join(map(column, columns))
        case m.Insert(relation, new):
            return b"I", pack(">I", relation) + b"N" + row(new)
        case m.Update(relation, old, new):
            before = b"" if old is None else b"O" + row(old)
            return b"U", pack(">I", relation) + before + b"N" + row(new)
        case m.Delete(relation, old):
            return b"D", pack(">I", relation) + b"K" + row(old)
        case m.Truncate(relations, options):
            ids = pack(f">{len(relations)}I", *relations)
            return b"T", pack(">IB", len(relations), options) + ids
        case m.Origin(lsn, name):
            return b"O", pack(">Q", lsn) + text(name)
        case m.Type(oid, schema, name):
            return b"Y", pack(">I", oid) + text(schema) + text(name)
        case m.Message(transactional, lsn, prefix, content):
            head = pack(">BQ", transactional, lsn) + text(prefix)
            return b"M", head + pack(">I", len(content)) + content
        case m.StreamStart(xid, first):
            return b"S", pack(">IB", xid, first)
        case m.StreamStop():
            return b"E", b""
        case m.StreamCommit(xid, lsn, end, at):
            return b"c", pack(">IBQQq", xid, 0, lsn, end, at)
        case m.StreamAbort(xid, subxid):
            return b"A", pack(">II", xid, subxid)
        case m.TwoPhase(tag, body):
            return tag.encode(), body
    raise AssertionError(message)


def column(found: m.Column) -> bytes:
    return (
        bytes([found.key]) + text(found.name) + struct.pack(">Ii", found.type_oid, found.modifier)
    )


def log_relation(names: Sequence[str] = COLUMNS, relation: int = LOG_RELATION) -> m.Relation:
    columns = tuple(m.Column(name, 25, -1, False) for name in names)
    return m.Relation(relation, "ablo", "delta", "d", columns)


def array_text(values: tuple[str, ...]) -> bytes:
    """Spell a text[] as Postgres does (array_out): quotes where they are needed."""
    spelt = []
    for value in values:
        plain = value and value.upper() != "NULL" and not set('{}",\\ \t\n\r\v\f') & set(value)
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        spelt.append(value if plain else f'"{escaped}"')
    return ("{" + ",".join(spelt) + "}").encode()


def insert(delta: Delta) -> bytes:
    """Return the CopyData that brings a delta."""

    def spell(name: str) -> bytes | None:
        found = getattr(delta, name)
        if name in ("groups", "changed", "left_groups"):
            return array_text(found) if found or name == "groups" else None
        if name == "created_at":
            return found.replace("T", " ").removesuffix(":00").encode()
        return found if found is None or isinstance(found, bytes) else str(found).encode()

    return wal_data(encode(m.Insert(LOG_RELATION, tuple(spell(name) for name in COLUMNS))))
