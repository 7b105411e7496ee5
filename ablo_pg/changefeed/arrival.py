"""From CopyData to arrivals, and from arrivals to deltas: the hot path of the WAL reader. Pure.

`stream` feeds every message it reads to an `Assembler`, whose `batch` collects the arrivals. Only
what routing by organization needs is read at once. `Arrival.delta` decodes the rest if the hub has
a subscriber for it, so a delta of an organization without subscribers costs a fifth. This module
decodes the frequent messages by offset and leaves the others to `pgoutput`, which has the formats.

Offsets in one Insert, behind the 25 bytes of the WAL data header:
    25 49 I | 26 relation u32 | 30 4e N | 31 000f columns | 33 74 t | 34 length u32 | 38 "4" ...
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from struct import Struct
from struct import error as StructError
from typing import Any, Final, NamedTuple

from ablo_pg.changefeed.copydata import HEADER, KEEPALIVE, Keepalive, decode_keepalive
from ablo_pg.changefeed.pgoutput import (
    IGNORED,
    RELATION,
    PgOutputError,
    decode_relation,
    refused,
)
from ablo_pg.delta import COLUMNS, Delta
from ablo_pg.errors import error_for

_U32: Final = Struct(">I").unpack_from
_U64: Final = Struct(">Q").unpack_from
_FIRST_COLUMN: Final = 33  # of an Insert, from the start of the CopyData
_FIRST_VALUE: Final = 38
_NULL: Final = 0x6E
# What is kept of a transaction until it has ended, so that subscribers get it at once.
OPEN_COUNT: Final = 3000
OPEN_BYTES: Final = 1 << 20
_COLUMN_NUMBERS: Final = range(len(COLUMNS))
_new: Final = tuple.__new__


class Arrival(NamedTuple):
    """A delta that the stream has delivered, still in the bytes of its Insert."""

    sync_id: int
    organization_id: str
    message: bytes

    def delta(self) -> Delta:
        """Decode it; equal to the same delta read from the log. Raises PgOutputError."""
        try:
            return decode_insert(self.message)
        except (StructError, IndexError, ValueError, TypeError, AttributeError) as exc:
            raise PgOutputError("An insert into the log is malformed") from exc


def decode_insert(message: bytes) -> Delta:
    """Decode a whole Insert into the log (CopyData, text format).

    TimeZone is UTC and DateStyle ISO: created_at looks like 2026-11-23 05:13:01.65672+00.
    """
    at = _FIRST_COLUMN
    values: list[Any] = []
    add = values.append
    for _ in _COLUMN_NUMBERS:
        if message[at] == _NULL:
            add(None)
            at += 1
        else:
            start = at + 5
            at = start + _U32(message, at + 1)[0]
            add(message[start:at])
    # In the order of COLUMNS. Unrolled: this runs once per delta, and a loop takes twice as long.
    sync_id, organization, model, row_id, op, groups, row, changed = values[:8]
    actor, behalf, capability, claim, transaction, xid, created_at, left = values[8:16]
    _, before, entered = values[16:]
    return _new(
        Delta,
        (
            int(sync_id),
            organization.decode(),
            model.decode(),
            row_id.decode(),
            op.decode(),
            array(groups.decode()),
            row,
            () if changed is None else array(changed.decode()),
            None if actor is None else actor.decode(),
            None if behalf is None else behalf.decode(),
            None if capability is None else capability.decode(),
            None if claim is None else claim.decode(),
            None if transaction is None else transaction.decode(),
            int(xid),
            created_at.decode().replace(" ", "T") + ":00",
            () if left is None else array(left.decode()),
            before,
            () if entered is None else array(entered.decode()),
        ),
    )


_ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def array(text: str) -> tuple[str, ...]:
    """Read a text[] without NULL elements from Postgres's spelling.

    >>> array('{org:acme,"a b","say \\\\"x\\\\""}')
    ('org:acme', 'a b', 'say "x"')
    """
    if text == "{}":
        return ()
    if '"' not in text:
        return tuple(text[1:-1].split(","))
    return tuple(
        plain or _ESCAPE.sub(r"\1", quoted) for quoted, plain in _ELEMENT.findall(text[1:-1])
    )


class Assembler:
    """Collects what a protocol 1 stream delivers, and how far the stream has been read.

    batch: what `take` has not returned. confirmable: the WAL position before which everything has
    been put into a batch: the end of the last whole transaction, or, between transactions, the
    position of a keepalive. described: the log's description has
    arrived, which precedes the first insert and the first after any change of the publication.
    log_id: the relation id of ablo.delta, as its four bytes, once described.
    """

    def __init__(self) -> None:
        self.batch: list[Arrival] = []
        self.confirmable = 0
        self.server_end = 0
        self.committed_at = 0  # microseconds since 2000 UTC, of the last transaction
        self.server_clock = 0
        self._in_transaction = False
        self._ended = 0  # how many of the batch belong to transactions that have ended
        self._open_bytes = 0  # of those that do not
        self.described = False
        self.log_id = b""

    def feed(self, data: bytes) -> Keepalive | None:
        """Take one CopyData message; return it decoded if it is a keepalive.

        Raises PgOutputError for bytes that make no sense and for messages that were not asked for,
        kernel_newer_than_client when the log's columns are not those that this build knows.
        """
        try:
            if data[0] == KEEPALIVE:
                return self._keepalive(data)
            tag = data[HEADER]
            if tag == 0x49 and data[26:30] == self.log_id:  # I
                end = _FIRST_VALUE + data[37]
                start = end + 5
                organization = data[start : start + _U32(data, end + 1)[0]].decode()
                sync_id = int(data[_FIRST_VALUE:end])
                self.batch.append(_new(Arrival, (sync_id, organization, data)))
                self._open_bytes += len(data)
            elif tag == 0x43:  # C | flags u8 | commit_lsn u64 | end_lsn u64 | committed_at i64
                self.confirmable = _U64(data, 35)[0]
                self.committed_at = _U64(data, 43)[0]
                self.server_clock = _U64(data, 17)[0]
                self._in_transaction = False
                self._ended = len(self.batch)
                self._open_bytes = 0
            elif tag == 0x42:  # B
                self._in_transaction = True
            else:
                self._other(data)
        except (StructError, IndexError, ValueError) as exc:
            raise PgOutputError(f"A message of {len(data)} bytes is malformed") from exc
        return None

    def take(self) -> tuple[list[Arrival], bool]:
        """Return the arrivals of transactions that have ended, and True.

        The others stay, as far as they are few; else all are returned, and False: the rest of a
        large transaction follows.
        """
        batch, ended = self.batch, self._ended
        large = len(batch) - ended > OPEN_COUNT or self._open_bytes > OPEN_BYTES
        self._ended = 0
        if large:
            self.batch, self._open_bytes = [], 0
            return batch, False
        self.batch = batch[ended:]
        return batch[:ended], True

    def _keepalive(self, data: bytes) -> Keepalive:
        found = decode_keepalive(data)
        self.server_end = found.wal_end
        if not self._in_transaction:
            self.confirmable = max(self.confirmable, found.wal_end)
        return found

    def _other(self, data: bytes) -> None:
        if data[HEADER] == RELATION:
            relation = decode_relation(data, HEADER)
            if (relation.schema, relation.name) == ("ablo", "delta"):
                check_columns(relation.columns)
                self.log_id = relation.relation_id.to_bytes(4, "big")
                self.described = True
        elif data[HEADER] not in IGNORED:
            raise refused(data[HEADER])


def check_columns(names: Sequence[str]) -> None:
    """Refuse a log whose first columns are not the known ones; more may follow them."""
    if tuple(names[: len(COLUMNS)]) != COLUMNS:
        raise error_for(
            "kernel_newer_than_client",
            f"ablo.delta has the columns {', '.join(names)}; this build knows {', '.join(COLUMNS)}",
            remedy="upgrade ablo-pg on this machine, or the kernel in the database",
        )
