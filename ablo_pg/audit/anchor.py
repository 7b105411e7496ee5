"""Anchors: the end of an organization's chain, recorded outside the database.

A database superuser can cut seals off the end of a chain and leave no trace in it. An anchor names
the last seal, so that `verify` and the next `seal` notice. It need not be secret, but must be in a
place where database administrators cannot write.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from psycopg import Connection

from ablo_pg.audit.chain import Seal, seal_of
from ablo_pg.db import audit
from ablo_pg.errors import AbloError, error_for

FORMAT: Final = "ablo_pg audit anchor 1"


class Anchor(msgspec.Struct, frozen=True, rename="camel"):
    """For one organization: the seal that its chain must still have."""

    number: int
    last_sync_id: int
    key_id: str
    mac: str  # hexadecimal


class _File(msgspec.Struct, frozen=True, rename="camel"):
    format: str
    organizations: dict[str, Anchor]


def anchor_of(seal: Seal) -> Anchor:
    """Return the anchor that names this seal."""
    return Anchor(seal.number, seal.last_sync_id, seal.key_id, seal.mac.hex())


def read_anchors(path: Path) -> dict[str, Anchor]:
    """Read an anchor file. Raises invalid_options."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except OSError as exc:
        raise _invalid(f"{path}: {exc.strerror}") from exc
    except msgspec.DecodeError as exc:
        raise _invalid(f"{path} is not an anchor file: {exc}") from exc
    if found.format != FORMAT:
        raise _invalid(f"{path} has the format {found.format!r}, not {FORMAT!r}")
    return found.organizations


def write_anchors(path: Path, anchors: Mapping[str, Anchor]) -> None:
    """Replace an anchor file atomically and durably: a crash leaves the old one or the new one."""
    data = msgspec.json.encode(_File(FORMAT, dict(sorted(anchors.items()))))
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(data, indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as exc:
        raise _invalid(f"{path}: {exc.strerror}") from exc


def anchored_seal(conn: Connection, organization: str, anchor: Anchor) -> Seal | None:
    """Return the seal of the number that the anchor names, or None if it is gone."""
    found = next(iter(list(audit.seals(conn, organization, anchor.number - 1, 1))), None)
    seal = None if found is None else seal_of(found)
    return seal if seal is not None and seal.number == anchor.number else None


def check_anchor(conn: Connection, organization: str, anchor: Anchor) -> None:
    """Raise audit_broken if the chain no longer has the seal that the anchor names."""
    seal = anchored_seal(conn, organization, anchor)
    if seal is not None and anchor_of(seal) == anchor:
        return
    what = "is gone" if seal is None else "differs"
    raise error_for(
        "audit_broken",
        f"seal {anchor.number} of {organization}, which the anchor names, {what}",
        remedy="run `ablo-pg audit verify` with the same --anchor; nothing was sealed",
        details={"organization": organization, "seal": anchor.number},
    )


def _invalid(message: str) -> AbloError:
    return error_for(
        "invalid_options",
        message,
        field="anchor",
        remedy="pass a file written by `ablo-pg audit seal --anchor` or `audit head --anchor`",
    )
