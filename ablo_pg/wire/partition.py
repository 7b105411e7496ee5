"""Shares of a stream: several sockets of one worker pool divide the deltas. Pure.

A socket that opens with `deliveryPartition=i-n` gets the rows whose share is i of n (counted from
0). A row's share depends on its model and id alone, so all changes of one row go to one socket, in
order, and the n sockets together get everything. Bootstraps are not divided.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Final

from ablo_pg.delta import Delta
from ablo_pg.errors import error_for

MOST: Final = 1024  # shares of one stream
_SPELLING: Final = re.compile(r"([0-9]{1,4})-([0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Partition:
    """Share `index` of `count`."""

    index: int
    count: int

    def holds(self, delta: Delta) -> bool:
        """Whether a delta is in this share."""
        row = f"{delta.model}\x1f{delta.row_id}".encode()
        return zlib.crc32(row) % self.count == self.index


def read_partition(text: str | None) -> Partition | None:
    """Parse `i-n`; None if not given. Raises invalid_request.

    >>> read_partition("0-3")
    Partition(index=0, count=3)
    """
    if not text:
        return None
    found = _SPELLING.fullmatch(text)
    if found is not None and int(found[1]) < int(found[2]) <= MOST:
        return Partition(int(found[1]), int(found[2]))
    raise error_for(
        "invalid_request",
        f"deliveryPartition cannot be {text[:40]!r}",
        field="deliveryPartition",
        remedy=f"send i-n: share i of n, counted from 0, of at most {MOST}",
    )
