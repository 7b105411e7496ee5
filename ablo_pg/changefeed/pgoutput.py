"""What the log's stream needs of `pgoutput`, the logical replication messages of Postgres. Pure.

Postgres manual, "Logical Replication Message Formats". Asked for is protocol 1 without options, of
a publication of inserts: whole committed transactions in commit order, as text. Integers are
big-endian, names end in a zero byte, clocks count microseconds since 2000-01-01 UTC; messages never
span WAL data records. These come, and `arrival` reads the first three:

    Begin     42 | commit record's lsn u64 | committed_at i64 | xid u32
    Commit    43 | flags u8 | commit_lsn u64 | end_lsn u64 | committed_at i64
    Insert    49 | relation u32 | 4e N | columns u16, each 6e n: null, or 74 t | length u32 | bytes
    Relation  52 | relation u32 | schema | name | replica identity u8 | columns u16, each
                   flags u8 | name | type oid u32 | type modifier i32
    Origin    4f | of a transaction that was replicated to this server: nothing to us
    Type      59 | of a column whose type is a user's: nothing to us

A Relation precedes the first change that names its id, and again after a DDL change. Any other
message belongs to something that was not asked for, and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from ablo_pg.errors import AbloServerError

RELATION: Final = 0x52
IGNORED: Final = frozenset(b"OY")
NAMES: Final = {0x49: "insert", 0x55: "update", 0x44: "delete", 0x54: "truncate", 0x4D: "message"}

_U16: Final = Struct(">H").unpack_from
_U32: Final = Struct(">I").unpack_from


class PgOutputError(AbloServerError):
    """Bytes that are not pgoutput, or a message that was not asked for."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table whose changes follow.

    52 00004007 "ablo\\0" "delta\\0" 64 000f 01 "sync_id\\0" 00000014 ffffffff ...
    An empty schema stands for pg_catalog.
    """

    relation_id: int
    schema: str
    name: str
    columns: tuple[str, ...]


def decode_relation(data: bytes, at: int) -> Relation:
    """Decode the Relation whose tag is at byte `at` and which goes to the end of `data`.

    Raises struct.error, IndexError or ValueError for anything else than a whole one.
    """
    (relation_id,) = _U32(data, at + 1)
    schema, at = _text(data, at + 5)
    name, at = _text(data, at)
    (count,) = _U16(data, at + 1)
    at += 3
    columns = []
    for _ in range(count):
        column, at = _text(data, at + 1)
        columns.append(column)
        at += 8
    if at != len(data):
        raise ValueError(f"a relation of {at} bytes in {len(data)}")
    return Relation(relation_id, schema or "pg_catalog", name, tuple(columns))


def refused(tag: int) -> PgOutputError:
    """Return the error for a message that was not asked for; of rows nothing is shown."""
    return PgOutputError(
        "The stream of the log brought what it does not ask for: "
        f"{NAMES.get(tag, 'a message')} (0x{tag:02x})",
        remedy="publication ablo_delta must publish inserts into ablo.delta alone: "
        "run `ablo-pg connect` again",
    )


def _text(data: bytes, at: int) -> tuple[str, int]:
    """Return a name, and where it ends."""
    end = data.index(0, at)
    return data[at:end].decode(), end + 1
