"""Receipts: what the kernel stored, with the authority of whoever asks.

A client of the newer generation takes a receipt only with exactly the ten keys, and optional ones
of a fixed list, none of them null: anything else counts as no answer. The kernel's text goes
through as it is, so that a replay is the same to the byte.
"""

from __future__ import annotations

from typing import Final

REQUIRED: Final = frozenset(
    {
        *("object", "clientTxId", "serverTxId", "createdAt", "statusAt", "success", "ops"),
        *("authority", "status", "lastSyncId"),
    }
)
OPTIONAL: Final = frozenset({"id", "notifications", "missingIds", "correlationId"})


def receipt_bytes(stored: bytes, authority: bytes) -> bytes:
    """Return a stored receipt as clients get it.

    >>> receipt_bytes(b'{"ops": 1}', b'{}')
    b'{"ops": 1,"authority":{}}'
    """
    return stored.rstrip()[:-1] + b',"authority":' + authority + b"}"
