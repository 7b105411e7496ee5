"""Positions in the write-ahead log, as Postgres spells them: `16/B374D848`.

The number is a byte offset since the cluster was made, so subtracting two gives bytes of WAL.
"""

from __future__ import annotations

import re
from typing import Final

from ablo_pg.errors import AbloValidationError

_SPELLING: Final = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_END: Final = 1 << 64


class LSN(int):
    """A WAL position: an int that prints as `X/Y`.

    Ordering, hashing and subtraction are the integer's. `LSN(0)` is Postgres's "invalid".
    """

    __slots__ = ()

    def __new__(cls, value: int) -> LSN:
        """Raise AbloValidationError unless `value` fits 64 bits."""
        if not 0 <= value < _END:
            raise AbloValidationError(f"{value} is not a WAL position", remedy="use 0 to 2^64-1")
        return super().__new__(cls, value)

    @classmethod
    def parse(cls, text: str) -> LSN:
        """Read `X/Y` (two hexadecimal halves of 32 bits).

        >>> int(LSN.parse("1/10"))
        4294967312
        """
        match = _SPELLING.fullmatch(text)
        if match is None:
            raise AbloValidationError(
                f"{text!r} is not a WAL position",
                remedy="write it as Postgres does, e.g. 16/B374D848",
            )
        return cls(int(match[1], 16) << 32 | int(match[2], 16))

    def __str__(self) -> str:
        return f"{self >> 32:X}/{self & 0xFFFFFFFF:X}"

    def __repr__(self) -> str:
        return f"LSN({str(self)!r})"
