"""From CopyData to deltas: the hot path of the WAL reader. Pure.

`stream` feeds it every message it reads; `Assembler.batch` collects the deltas. Only what routing
needs is read at once (sync id and organization); a `WalDelta` decodes the rest when somebody looks,
so a delta of an organization without subscribers costs a fifth. `pgoutput` is the complete decoder;
here only the four messages of protocol 1 that the publication can send are spelled out by offset,
and everything else goes through `pgoutput.decode`.

Offsets in one Insert, behind the 25 bytes of the WAL data header (text format, see `messages`):
    25 49 I | 26 relation u32 | 30 4e N | 31 000f columns | 33 74 t | 34 length u32 | 38 "4" ...
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

from ablo_pg.delta import COLUMNS, Delta
from ablo_pg.errors import error_for
from ablo_pg.relay.copydata import HEADER, KEEPALIVE, Keepalive, decode_keepalive
from ablo_pg.relay.messages import Begin, Commit, Insert, Relation
from ablo_pg.relay.pgoutput import PgOutputError, decode

_U32: Final = Struct(">I").unpack_from
_U64: Final = Struct(">Q").unpack_from
_FIRST_VALUE: Final = 38  # of an Insert, from the start of the CopyData
_OVERHEAD: Final = 250  # of the object and its bytes, without the message


class WalDelta(Delta):
    """A delta still in the bytes of its Insert; equal to the same delta read from the log."""

    __slots__ = ("_message",)

    _message: bytes | None

    def __getattr__(self, name: str) -> Any:
        # Called only while a slot is empty: fill them all. Two threads may both do it, alike.
        message = self._message if name in COLUMNS else None
        if message is not None:
            for column, value in zip(COLUMNS[2:], _fields(message), strict=True):
                object.__setattr__(self, column, value)
            object.__setattr__(self, "_message", None)
        return object.__getattribute__(self, name)

    @property
    def size(self) -> int:
        """See Delta."""
        message = self._message
        return super().size if message is None else _OVERHEAD + len(message)


_set_sync_id: Final = WalDelta.__dict__.get("sync_id", Delta.__dict__["sync_id"]).__set__
_set_organization: Final = Delta.__dict__["organization_id"].__set__
_set_message: Final = WalDelta.__dict__["_message"].__set__


def _values(message: bytes) -> list[bytes | None]:
    """Cut the tuple of an Insert (text format) into its values."""
    at = _FIRST_VALUE - 5
    found: list[bytes | None] = []
    for _ in COLUMNS:
        if message[at] == 0x6E:  # n
            found.append(None)
            at += 1
        else:
            start = at + 5
            at = start + int.from_bytes(message[at + 1 : start], "big")
            found.append(message[start:at])
    return found


def _fields(message: bytes) -> list[Any]:
    """Decode every column after sync_id and organization_id."""
    values = _values(message)
    row, values[6] = values[6], None  # stays bytes
    text = [None if value is None else value.decode() for value in values]
    text[0:2] = ()
    created_at = text[12] or ""
    return [
        *text[0:3],
        array(text[3]),
        row,
        array(text[5]),
        *text[6:11],
        int(text[11] or 0),
        # 2026-11-23 05:13:01.65672+00, at TimeZone UTC and DateStyle ISO
        f"{created_at[:10]}T{created_at[11:]}:00",
    ]


_ELEMENT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}]+)')
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def array(text: str | None) -> tuple[str, ...]:
    """Read a text[] without NULL elements from Postgres's spelling; null is empty.

    >>> array('{org:acme,"a b","say \\\\"x\\\\""}')
    ('org:acme', 'a b', 'say "x"')
    """
    if text is None or text == "{}":
        return ()
    if '"' not in text:
        return tuple(text[1:-1].split(","))
    return tuple(
        plain or _ESCAPE.sub(r"\1", quoted) for quoted, plain in _ELEMENT.findall(text[1:-1])
    )


class Assembler:
    """Collects the deltas of a protocol 1 stream, and how far the stream has been taken in.

    batch: deltas since it was last emptied. confirmable: the WAL position before which everything
    has been put into a batch: the end of the last whole transaction, or, between transactions, what
    a keepalive says. A transaction's deltas may be in several batches.
    """

    def __init__(self) -> None:
        self.batch: list[Delta] = []
        self.confirmable = 0
        self.server_end = 0
        self.committed_at = 0  # microseconds since 2000 UTC, of the last transaction
        self.server_clock = 0
        self._in_transaction = False
        self._log_id = b""  # the relation id of ablo.delta, as its four bytes

    def feed(self, data: bytes) -> Keepalive | None:
        """Take one CopyData message; return it decoded if it is a keepalive.

        Raises PgOutputError for bytes that make no sense, kernel_newer_than_client when the log's
        columns are not those that this build knows.
        """
        if data[0] == KEEPALIVE:
            return self._keepalive(data)
        tag = data[HEADER]
        if tag == 0x49 and data[26:30] == self._log_id:  # I
            end = _FIRST_VALUE + data[37]
            delta = WalDelta.__new__(WalDelta)
            _set_sync_id(delta, int(data[_FIRST_VALUE:end]))
            start = end + 5
            _set_organization(delta, data[start : start + _U32(data, end + 1)[0]].decode())
            _set_message(delta, data)
            self.batch.append(delta)
        elif tag == 0x43:  # C | flags u8 | commit_lsn u64 | end_lsn u64 | committed_at i64
            self.confirmable = _U64(data, 35)[0]
            self.committed_at = _U64(data, 43)[0]
            self.server_clock = _U64(data, 17)[0]
            self._in_transaction = False
        elif tag == 0x42:  # B
            self._in_transaction = True
        else:
            self._other(data)
        return None

    def _keepalive(self, data: bytes) -> Keepalive:
        found = decode_keepalive(data)
        self.server_end = found.wal_end
        if not self._in_transaction:
            self.confirmable = max(self.confirmable, found.wal_end)
        return found

    def _other(self, data: bytes) -> None:
        message = decode(data, HEADER)
        if isinstance(message, Relation):
            if (message.schema, message.name) == ("ablo", "delta"):
                check_columns([column.name for column in message.columns])
                self._log_id = message.relation_id.to_bytes(4, "big")
        elif isinstance(message, Insert | Begin | Commit):
            raise PgOutputError(f"insert into relation {message!r}, which is not the log")


def check_columns(names: Sequence[str]) -> None:
    """Refuse a log whose first columns are not the ones we know; more may follow them."""
    if tuple(names[: len(COLUMNS)]) != COLUMNS:
        raise error_for(
            "kernel_newer_than_client",
            f"ablo.delta has the columns {', '.join(names)}; this build knows {', '.join(COLUMNS)}",
            remedy="upgrade ablo-pg here, or the kernel there",
        )
