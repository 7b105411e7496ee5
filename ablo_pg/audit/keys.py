"""Keys of the audit chain: their sources, and lookup by a seal's key id. Pure except for one file.

A key is written `ID:SECRET`, the secret 64 or more hexadecimal digits; several on lines of their
own (or with commas between). The first seals, all verify: to rotate, put the new one first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ablo_pg.audit.chain import AuditKey
from ablo_pg.errors import AbloError, error_for

_KEY: Final = re.compile(r"([A-Za-z0-9._-]{1,64}):((?:[0-9A-Fa-f]{2}){32,})")
REMEDY: Final = 'make one with: echo "k1:$(openssl rand -hex 32)" > audit.key'


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys by id, and the one that seals."""

    sealing: AuditKey
    keys: Mapping[str, AuditKey]

    def find(self, key_id: str) -> AuditKey | None:
        """Return the key of that id."""
        return self.keys.get(key_id)


def parse_keys(text: str, source: str) -> Keyring:
    """Read keys; source names their origin. Raises invalid_options, never showing one."""
    found: dict[str, AuditKey] = {}
    lines = (line.split("#")[0].strip() for line in re.split(r"[\n,]", text))
    for place, line in enumerate((line for line in lines if line), 1):
        match = _KEY.fullmatch(line)
        if match is None:
            raise _invalid(f"key {place} of {source} is not ID:SECRET, with 64 hex digits or more")
        if match[1] in found:
            raise _invalid(f"{source} has two keys with the id {match[1]}")
        found[match[1]] = AuditKey(match[1], bytes.fromhex(match[2]))
    if not found:
        raise _invalid(f"{source} contains no key")
    return Keyring(next(iter(found.values())), found)


def read_keys(path: Path) -> Keyring:
    """Read a key file. Raises invalid_options."""
    try:
        return parse_keys(path.read_text(encoding="utf-8"), str(path))
    except OSError as exc:
        raise _invalid(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise _invalid(f"{path} is not text") from None


def _invalid(message: str) -> AbloError:
    return error_for("invalid_options", message, field="key", remedy=REMEDY)
