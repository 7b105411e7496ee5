"""Identifiers as Postgres stores them: what is too long is cut here, by everybody, in one way.

Postgres cuts identifiers at 63 bytes, which can fold two names into one. `shorten` cuts them itself
and adds a hash of the whole name, which is stable and keeps them apart. The compiler names objects
by it. Errors, policies and migrations call it too when they look for such an object.
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
    """Fit a name into 63 bytes: as it is, or cut at a character and ended by its own hash.

    `force` adds the hash even to a short name, for one that another object would have as well.
    """
    raw = name.encode()
    if len(raw) <= MAX_BYTES and not force:
        return name
    head = raw[: MAX_BYTES - _HASH_DIGITS - 1].decode(errors="ignore")
    return f"{head}_{digest(name)}"
