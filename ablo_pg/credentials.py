"""API keys as text: created, checked and hashed. Pure, except for the randomness of `new_key`.

    sk_  30 characters of the alphabet  6 of checksum
    sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA390g5D

The checksum is the CRC-32 of everything before it, in base 62, big-endian, padded with zeros: it
tells a mistyped key from an unknown one without asking the database. 30 characters of 62 are 178
bits, so a key cannot be guessed and its plain SHA-256 is safe to store. Nothing else of it is
stored except the first twelve characters, which identify it to people.

Callers: the command line creates keys, the relay checks and hashes those it receives.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final, Literal, TypeAlias, cast, get_args

from ablo_pg.errors import AbloAuthenticationError

Prefix: TypeAlias = Literal["sk", "rk", "ek", "pk"]
# The part before the underscore of the body. Older clients request the long spellings.
Spelling: TypeAlias = Literal["sk", "rk", "ek", "pk", "sk_test", "sk_live"]

PREFIXES: Final[tuple[Prefix, ...]] = get_args(Prefix)
SPELLINGS: Final[tuple[Spelling, ...]] = get_args(Spelling)
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 30
CHECKSUM_LENGTH: Final = 6
DISPLAY_LENGTH: Final = 12
MAX_LENGTH: Final = 200  # the longest input that is checked at all

_KEY: Final = re.compile(
    rf"(?=.{{12,{MAX_LENGTH}}}\Z)(sk|rk|ek|pk)_(?:(?:test|live)_)?([0-9A-Za-z]+)", re.ASCII
)


def new_key(spelling: Spelling = "sk") -> str:
    """Return a new key from the system's randomness. It is complete only here."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    start = f"{spelling}_{body}"
    return start + checksum(start)


def checksum(text: str) -> str:
    """Return the six characters that follow this text in a key.

    >>> checksum("sk_" + "A" * 30)
    '390g5D'
    """
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def check_key(key: str) -> Prefix:
    """Return the kind of this key. Raises apikey_invalid, and never repeats its input.

    A body of 36 characters ends in a checksum; keys of another length have none.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise _invalid("This is not an API key", "send one that begins with sk_, rk_, ek_ or pk_")
    if len(found[2]) == RANDOM_LENGTH + CHECKSUM_LENGTH:
        start, end = key[:-CHECKSUM_LENGTH], key[-CHECKSUM_LENGTH:]
        if checksum(start) != end:
            raise _invalid(
                f"This {found[1]}_ key is mistyped: its checksum does not match",
                "copy the whole key again",
            )
    return cast(Prefix, found[1])


def key_hash(key: str) -> str:
    """Return the stored form of a key: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def display_prefix(key: str) -> str:
    """Return the part of a key that may be shown."""
    return key[:DISPLAY_LENGTH]


def spelling_of(display: str) -> Spelling:
    """Return the spelling of a key, from its visible part.

    >>> spelling_of("sk_test_Ab12")
    'sk_test'
    """
    return max((one for one in SPELLINGS if display.startswith(f"{one}_")), key=len)


def _invalid(message: str, remedy: str) -> AbloAuthenticationError:
    return AbloAuthenticationError(message, code="apikey_invalid", remedy=remedy)
