"""Receipts: the kernel's stored text, with the caller's authority.

A client of the newer generation accepts a receipt only with exactly the ten keys, and optional ones
of a fixed list, none of them null; otherwise it counts as no answer. The kernel's text is passed on
unchanged, so a replay is identical to the byte.
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
