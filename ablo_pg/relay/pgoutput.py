"""One message of the replication stream, decoded as the reader does; the former place of that.

The reader itself feeds whole CopyData to `changefeed.arrival.Assembler`. To be removed in 0.2.
"""

from __future__ import annotations

from struct import error as StructError

from ablo_pg.changefeed.arrival import Assembler
from ablo_pg.changefeed.pgoutput import PgOutputError, decode_relation
from ablo_pg.delta import Delta

__all__ = ["PgOutputError", "decode"]


def decode(message: bytes, position: int, *, in_stream: bool = False) -> Delta | None:
    """Return the delta that an Insert brings, and None for other messages that are asked for.

    position: of the message in the WAL, bytes. in_stream: within a Stream Start of protocol 2,
    which the reader never asks for. Raises PgOutputError for everything else, and for damaged
    bytes.
    """
    if in_stream:
        raise PgOutputError("The stream of the log brought a streamed transaction")
    if message[:1] == b"R":  # of any table, whatever its columns are
        try:
            decode_relation(message, 0)
        except (StructError, IndexError, ValueError) as exc:
            raise PgOutputError("A description of a table is malformed") from exc
        return None
    assembler = Assembler()
    assembler.log_id = message[1:5]
    assembler.feed(b"w" + position.to_bytes(8, "big") + bytes(16) + message)
    return assembler.batch[0].delta() if assembler.batch else None
