"""The messages of `pgoutput` as frozen values; `pgoutput` decodes them. Pure.

Each docstring shows the bytes after the WAL data header: tag | fields. Integers are big-endian,
names end in a zero byte, clocks count microseconds since 2000-01-01 UTC. `[xid u32]` stands only in
the part of a stream between StreamStart and StreamStop.

A row is a TupleData: a u16 count, then per column one of
    6e n  null        75 u  unchanged TOASTed value, not sent
    74 t  text        62 b  binary; both followed by a u32 length and the bytes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ablo_pg.lsn import LSN


@dataclass(frozen=True, slots=True)
class Begin:
    """42 | final_lsn u64 | committed_at i64 | xid u32

    42 00000000019331b8 000303e96aa5fbcf 000002e9 -> Begin(LSN('0/19331B8'), 848725981658063, 745)
    """

    final_lsn: LSN  # the commit record's
    committed_at: int  # microseconds since 2000-01-01 UTC
    xid: int


@dataclass(frozen=True, slots=True)
class Commit:
    """43 | flags u8 | commit_lsn u64 | end_lsn u64 | committed_at i64

    43 00 00000000019331b8 00000000019331e8 000303e96aa5fbcf
    """

    commit_lsn: LSN
    end_lsn: LSN  # what may be confirmed once the transaction has been passed on
    committed_at: int


@dataclass(frozen=True, slots=True)
class Column:
    """flags u8 (1 = part of the key) | name | type oid u32 | type modifier i32"""

    name: str
    type_oid: int
    modifier: int
    key: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """52 | [xid u32] | id u32 | schema | name | replica identity u8 | columns u16, each a Column

    52 00004007 "ablo\\0" "delta\\0" 64 000f 01 "sync_id\\0" 00000014 ffffffff ...
    An empty schema stands for pg_catalog.
    """

    relation_id: int
    schema: str
    name: str
    replica_identity: str  # d default, n nothing, f full, i index
    columns: tuple[Column, ...]
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Stands for a TOASTed value that an UPDATE did not touch."""


UNCHANGED: Final = Unchanged()


@dataclass(frozen=True, slots=True)
class Binary:
    """A value in its type's binary format."""

    data: bytes


# None is null, bytes is text format.
Value: TypeAlias = bytes | Binary | Unchanged | None
Tuple: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """49 | [xid u32] | relation u32 | 4e "N" | TupleData

    49 00004007 4e 000f 74 00000001 34 74 00000004 "acme" ... 6e -> (b"4", b"acme", ..., None)
    """

    relation_id: int
    new: Tuple
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """55 | [xid u32] | relation u32 | [4b "K" or 4f "O" | TupleData] | 4e "N" | TupleData"""

    relation_id: int
    old: Tuple | None
    new: Tuple
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """44 | [xid u32] | relation u32 | 4b "K" (key columns) or 4f "O" (whole row) | TupleData"""

    relation_id: int
    old: Tuple
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Truncate:
    """54 | [xid u32] | count u32 | options u8 (1 cascade, 2 restart identity) | relation u32 ..."""

    relation_ids: tuple[int, ...]
    options: int
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """4f | commit_lsn u64 | name"""

    commit_lsn: LSN
    name: str


@dataclass(frozen=True, slots=True)
class Type:
    """59 | [xid u32] | oid u32 | schema | name"""

    oid: int
    schema: str
    name: str
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """4d | [xid u32] | flags u8 (1 transactional) | lsn u64 | prefix | length u32 | content"""

    transactional: bool
    lsn: LSN
    prefix: str
    content: bytes
    xid: int | None = None


@dataclass(frozen=True, slots=True)
class StreamStart:
    """53 | xid u32 | first segment u8"""

    xid: int
    first: bool


@dataclass(frozen=True, slots=True)
class StreamStop:
    """45"""


@dataclass(frozen=True, slots=True)
class StreamCommit:
    """63 | xid u32 | flags u8 | commit_lsn u64 | end_lsn u64 | committed_at i64"""

    xid: int
    commit_lsn: LSN
    end_lsn: LSN
    committed_at: int


@dataclass(frozen=True, slots=True)
class StreamAbort:
    """41 | xid u32 | subxid u32 | protocol 4, parallel: [abort_lsn u64 | aborted_at i64]"""

    xid: int
    subxid: int


@dataclass(frozen=True, slots=True)
class TwoPhase:
    """62 begin prepare, 50 prepare, 4b commit prepared, 72 rollback prepared, 70 stream prepare

    Sent only to clients that request `two_phase`, which nothing here does; kept undecoded.
    """

    tag: str
    body: bytes


LogicalMessage: TypeAlias = (
    Begin
    | Commit
    | Relation
    | Insert
    | Update
    | Delete
    | Truncate
    | Origin
    | Type
    | Message
    | StreamStart
    | StreamStop
    | StreamCommit
    | StreamAbort
    | TwoPhase
)
