"""Identifiers as Postgres stores them; long ones are always cut here, in the same way.

Postgres cuts identifiers at 63 bytes, which can turn two names into one. `shorten` cuts them itself
and adds a hash of the whole name, which is stable and keeps them apart. The compiler names objects
with it. Errors, policies and migrations call it too, to find such an object.
"""

from __future__ import annotations

import hashlib
from typing import Final

MAX_BYTES: Final = 63  # NAMEDATALEN - 1, https://www.postgresql.org/docs/current/limits.html
_HASH_DIGITS: Final = 8


def digest(text: str, digits: int = _HASH_DIGITS) -> str:
    """Return the first hex digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def shorten(name: str, *, force: bool = False) -> str:
    """Fit a name into 63 bytes: unchanged, or cut at a character and ended by its hash.

    `force` adds the hash even to a short name that another object would have as well.
    """
    raw = name.encode()
    if len(raw) <= MAX_BYTES and not force:
        return name
    head = raw[: MAX_BYTES - _HASH_DIGITS - 1].decode(errors="ignore")
    return f"{head}_{digest(name)}"
