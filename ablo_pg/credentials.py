"""API keys as text: how one is made, checked and hashed. Pure, but for the randomness of `new_key`.

    sk_  30 characters of the alphabet  6 of checksum
    sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA390g5D

The checksum is the CRC-32 of all that stands before it, in base 62, big-endian, padded with zeros:
a mistyped key is told from an unknown one without asking the database. 30 characters of 62 are 178
bits, so a key cannot be guessed and its plain SHA-256 is safe to store; nothing else of it is kept
but the first twelve characters, by which a person tells keys apart.

Callers: the command line makes keys, the relay checks and hashes what it is sent.
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
# As written before the underscore of the body. The long spellings are what older clients ask for.
Spelling: TypeAlias = Literal["sk", "rk", "ek", "pk", "sk_test", "sk_live"]

PREFIXES: Final[tuple[Prefix, ...]] = get_args(Prefix)
SPELLINGS: Final[tuple[Spelling, ...]] = get_args(Spelling)
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH: Final = 30
CHECKSUM_LENGTH: Final = 6
DISPLAY_LENGTH: Final = 12
MAX_LENGTH: Final = 200  # of what is looked at at all

_KEY: Final = re.compile(
    rf"(?=.{{12,{MAX_LENGTH}}}\Z)(sk|rk|ek|pk)_(?:(?:test|live)_)?([0-9A-Za-z]+)", re.ASCII
)


def new_key(spelling: Spelling = "sk") -> str:
    """Return a new key from the system's randomness. This is the only time that it is whole."""
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
    """Return which kind of key this is. Raises apikey_invalid, and never repeats what it was given.

    A body of 36 characters ends in a checksum; keys of another length come from elsewhere and have
    none.
    """
    found = _KEY.fullmatch(key)
    if found is None:
        raise _invalid("This is no API key", "send one that begins with sk_, rk_, ek_ or pk_")
    if len(found[2]) == RANDOM_LENGTH + CHECKSUM_LENGTH:
        start, end = key[:-CHECKSUM_LENGTH], key[-CHECKSUM_LENGTH:]
        if checksum(start) != end:
            raise _invalid(
                f"This {found[1]}_ key is mistyped: its checksum does not fit",
                "copy it again, whole",
            )
    return cast(Prefix, found[1])


def key_hash(key: str) -> str:
    """Return what is stored of a key: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def display_prefix(key: str) -> str:
    """Return the part of a key that may be shown."""
    return key[:DISPLAY_LENGTH]


def spelling_of(display: str) -> Spelling:
    """Return how a key is spelt of which this part is shown.

    >>> spelling_of("sk_test_Ab12")
    'sk_test'
    """
    return max((one for one in SPELLINGS if display.startswith(f"{one}_")), key=len)


def _invalid(message: str, remedy: str) -> AbloAuthenticationError:
    return AbloAuthenticationError(message, code="apikey_invalid", remedy=remedy)
