"""Writes pgoutput and its WAL data header: the decoder's opposite, for round trips."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from ablo_pg.delta import COLUMNS, Delta

WAL_END = 0x19331E8
LOG_RELATION = 0x4007


def wal_data(payload: bytes) -> bytes:
    return struct.pack(">BQQq", 0x77, WAL_END, WAL_END, 848725981658063) + payload


def keepalive(wal_end: int, *, reply: bool = False) -> bytes:
    return struct.pack(">BQqB", 0x6B, wal_end, 848725981658063, reply)


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def begin(lsn: int, at: int = 5, xid: int = 7) -> bytes:
    return wal_data(b"B" + struct.pack(">QqI", lsn, at, xid))


def commit(lsn: int, end: int, at: int = 5) -> bytes:
    return wal_data(b"C" + struct.pack(">BQQq", 0, lsn, end, at))


def relation(
    number: int = LOG_RELATION,
    schema: str = "ablo",
    name: str = "delta",
    columns: Sequence[str] = COLUMNS,
) -> bytes:
    head = b"R" + struct.pack(">I", number) + text(schema) + text(name) + b"d"
    parts = [b"\0" + text(each) + struct.pack(">Ii", 25, -1) for each in columns]
    return wal_data(head + struct.pack(">H", len(parts)) + b"".join(parts))


def insert_into(number: int, values: Sequence[bytes | None]) -> bytes:
    parts = [
        b"n" if value is None else b"t" + struct.pack(">I", len(value)) + value for value in values
    ]
    head = b"I" + struct.pack(">I", number) + b"N" + struct.pack(">H", len(parts))
    return wal_data(head + b"".join(parts))


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
        if name == "login":
            return b"some_login"
        found = getattr(delta, name)
        if name in ("groups", "changed", "left_groups", "entered_groups"):
            return array_text(found) if found or name == "groups" else None
        if name == "created_at":
            return found.replace("T", " ").removesuffix(":00").encode()
        return found if found is None or isinstance(found, bytes) else str(found).encode()

    return insert_into(LOG_RELATION, tuple(spell(name) for name in COLUMNS))
