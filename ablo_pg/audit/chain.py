"""What a seal covers, byte by byte. Pure: no I/O, no clock, no settings.

A seal covers a run of one organization's deltas, in sync id order, after the seal before it. With
HMAC-SHA256 (RFC 2104) under a key that the database never sees:

    frame(v1, v2, ...) = for each value: its length in bytes as a signed 32-bit big-endian integer,
                         then its bytes; NULL is the length -1 (ff ff ff ff) and no bytes
    fingerprint        = HMAC(key, "ablo_pg audit delta 1" 00 frame(columns))[:16]
                         over a delta's columns after sync_id, in the log's order (without login):
                         the first 14, then left_groups, before, entered_groups up to the last
                         that is not NULL: older logs do not have them
    entry              = sync_id as a signed 64-bit big-endian integer, then the fingerprint
    mac                = HMAC(key, "ablo_pg audit seal 1" 00 frame(organization_id, number,
                         first_sync_id, last_sync_id, delta_count, key_id, previous_mac,
                         fingerprints, sealed_at))
                         where fingerprints are the entries, one after the other

Columns stand in Postgres's binary output format under client encoding UTF8: text and json their
UTF-8 bytes (json as it is stored, character by character); text[] as array_send gives it; bigint
and xid8 8 bytes, big-endian; timestamptz microseconds since 2000-01-01 00:00 UTC, 8 bytes,
big-endian. No time zone, DateStyle, float or JSON setting has a part in it. The first seal's
previous_mac is NULL.

Why not one running hash over the deltas: a seal's own mac authenticates its entries, so each delta
is checked on its own. A broken delta is named and does not hide what follows it, a delta that moved
is recognised (its fingerprint does not depend on its place), and verification can begin wherever
the log now begins. Order, number and completeness are in the entries and in the chain of macs.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

FINGERPRINT_SIZE: Final = 16
ENTRY: Final = struct.Struct(f">q{FINGERPRINT_SIZE}s")
_DELTA: Final = b"ablo_pg audit delta 1\x00"
_SEAL: Final = b"ablo_pg audit seal 1\x00"
EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_NULL: Final = struct.pack(">i", -1)
_ALWAYS: Final = 15  # columns that every log has


@dataclass(frozen=True, slots=True)
class AuditKey:
    """A key and its name, which seals carry. `repr` does not show the secret."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"AuditKey({self.id!r}, ...)"


@dataclass(frozen=True, slots=True)
class Entry:
    """A seal's record of one delta."""

    sync_id: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Seal:
    """A row of `ablo.audit_seal`; sealed_at in its 8 bytes."""

    organization: str
    number: int
    first_sync_id: int
    last_sync_id: int
    delta_count: int
    key_id: str
    previous_mac: bytes | None
    fingerprints: bytes
    sealed_at: bytes
    mac: bytes = b""

    def entries(self) -> list[Entry]:
        """Return the entries of its deltas, in order. Only for a seal with a valid mac."""
        return [Entry(*each) for each in ENTRY.iter_unpack(self.fingerprints)]


def frame(values: Iterable[bytes | None]) -> bytes:
    """Encode values so that no two different sequences give the same bytes.

    >>> frame([b"a", None, b""]).hex(" ")
    '00 00 00 01 61 ff ff ff ff 00 00 00 00'
    """
    return b"".join(_NULL if v is None else struct.pack(">i", len(v)) + v for v in values)


def entry_of(key: AuditKey, delta: Sequence[bytes | None]) -> Entry:
    """Return the entry of a delta, given its 18 columns in the log's order."""
    end = len(delta)
    while end > _ALWAYS and delta[end - 1] is None:
        end -= 1
    columns = delta[1:end]
    mac = hmac.new(key.secret, _DELTA + frame(columns), hashlib.sha256)
    return Entry(integer(delta[0]), mac.digest()[:FINGERPRINT_SIZE])


def pack(entries: Iterable[Entry]) -> bytes:
    """Return entries as a seal stores them."""
    return b"".join(ENTRY.pack(entry.sync_id, entry.fingerprint) for entry in entries)


def mac_of(key: AuditKey, seal: Seal) -> bytes:
    """Return the mac that this key gives this seal, whatever mac it carries."""
    columns = (
        seal.organization.encode(),
        _bigint(seal.number),
        _bigint(seal.first_sync_id),
        _bigint(seal.last_sync_id),
        _bigint(seal.delta_count),
        seal.key_id.encode(),
        seal.previous_mac,
        seal.fingerprints,
        seal.sealed_at,
    )
    return hmac.new(key.secret, _SEAL + frame(columns), hashlib.sha256).digest()


def holds(key: AuditKey, seal: Seal) -> bool:
    """Whether a seal's mac is the one that this key gives it; compared in constant time."""
    return hmac.compare_digest(mac_of(key, seal), seal.mac)


def seal_of(columns: Sequence[bytes | None]) -> Seal:
    """Build a seal from its row's columns in binary form."""
    organization, number, first, last, count, key_id, previous, entries, at, mac = columns
    return Seal(
        text(organization),
        integer(number),
        integer(first),
        integer(last),
        integer(count),
        text(key_id),
        previous,
        entries or b"",
        at or b"",
        mac or b"",
    )


def integer(value: bytes | None) -> int:
    """Read a bigint: 00 00 00 00 00 00 01 02 is 258."""
    return int.from_bytes(value or b"", "big", signed=True)


def timestamp(moment: dt.datetime) -> bytes:
    """Write a timestamptz: microseconds since 2000-01-01 UTC."""
    return _bigint((moment - EPOCH) // dt.timedelta(microseconds=1))


def text(value: bytes | None) -> str:
    """Read a text."""
    return (value or b"").decode()


def _bigint(value: int) -> bytes:
    return struct.pack(">q", value)
