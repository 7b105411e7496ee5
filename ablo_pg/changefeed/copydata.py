"""The content of CopyData while a slot streams: WAL data and keepalives in, status out. Pure.

Postgres manual, "Streaming Replication Protocol". All integers are big-endian; clocks count
microseconds since 2000-01-01 UTC. Neighbours: `stream` moves these over the socket, `pgoutput`
reads what follows the 25 bytes of a WAL data header.

    WAL data    w | start u64 | server's WAL end u64 | server clock i64 | payload
    keepalive   k | server's WAL end u64 | server clock i64 | reply wanted u8
    status      r | written u64 | flushed u64 | applied u64 | our clock i64 | reply wanted u8
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

from ablo_pg.lsn import LSN

WAL_DATA: Final = 0x77  # b"w"
KEEPALIVE: Final = 0x6B  # b"k"
HEADER: Final = 25  # bytes before the payload of WAL data
CLOCK_EPOCH: Final = 946_684_800  # 2000-01-01 UTC in Unix seconds

_KEEPALIVE: Final = Struct(">BQqB")
_STATUS: Final = Struct(">BQQQqB")


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The server's keepalive.

    wal_end: how far it has sent. reply_wanted: it closes the connection if no status arrives within
    wal_sender_timeout; it starts to ask at half of that.

        6b | 00000000019331e8 | 000303e96aa61023 | 00  ->  Keepalive(LSN('0/19331E8'), ..., False)
    """

    wal_end: LSN
    clock: int
    reply_wanted: bool


def decode_keepalive(data: bytes) -> Keepalive:
    """Read a keepalive, its leading `k` included."""
    _, wal_end, clock, reply = _KEEPALIVE.unpack(data)
    return Keepalive(LSN(wal_end), clock, reply != 0)


def encode_status(flushed: int, clock: int, *, reply: bool = False) -> bytes:
    """Write a standby status update.

    flushed: everything before this WAL position has been passed on and need never be sent again; it
    is reported as written, flushed and applied. clock: ours, microseconds since 2000. reply:
    request a keepalive at once.
    """
    return _STATUS.pack(0x72, flushed, flushed, flushed, clock, reply)
