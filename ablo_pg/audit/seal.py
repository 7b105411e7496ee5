"""Sealing: append seals for deltas since an organization's last seal.

A separate process, independent of commits: it reads what is committed, in batches of bounded
memory, and appends seals; it takes no lock that a commit takes. The log guarantees that it sees a
whole prefix (a reader that sees a sync id has seen all lower ones). It may be killed at any moment,
and run twice at once: a seal is one insert, and the database accepts it only as the chain's next
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from typing import Final

from psycopg import Connection

from ablo_pg.audit.anchor import Anchor, anchor_of, check_anchor
from ablo_pg.audit.chain import Entry, Seal, entry_of, holds, mac_of, pack, seal_of, timestamp
from ablo_pg.audit.keys import Keyring
from ablo_pg.db import audit
from ablo_pg.errors import AbloError, AbloServerError, error_for

# Maximum deltas of a seal: bounds a sealer's memory, and one seal's size (24 bytes each).
BATCH: Final = 1000

Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Sealed:
    """The result of one round, and how many organizations had new deltas.

    refused: why some organizations were not sealed; one broken chain does not stop the others.
    """

    organizations: int
    seals: int
    deltas: int
    refused: tuple[AbloError, ...]


def seal_all(
    conn: Connection,
    keys: Keyring,
    anchors: MutableMapping[str, Anchor],
    *,
    organization: str | None = None,
    batch: int = BATCH,
    progress: Progress | None = None,
) -> Sealed:
    """Seal the new deltas of one organization, or of all.

    anchors: the end that each chain must still have; updated to its new end. A chain that does not
    continue from there gets no further seal: audit_broken in `refused`.
    """
    organizations = seals = deltas = 0
    refused: list[AbloError] = []
    for name in _names(conn, anchors, organization):
        try:
            made, covered = _seal_one(conn, keys, anchors, name, batch, progress)
        except AbloServerError as exc:
            if exc.code != "audit_broken":
                raise
            refused.append(exc)
            continue
        organizations += made > 0
        seals += made
        deltas += covered
    return Sealed(organizations, seals, deltas, tuple(refused))


def heads(
    conn: Connection, anchors: Mapping[str, Anchor], *, organization: str | None = None
) -> dict[str, Anchor]:
    """Return where the chain of one organization, or of each, ends.

    Raises audit_broken if a chain no longer has the seal that its anchor names.
    """
    found: dict[str, Anchor] = {}
    for name in _names(conn, anchors, organization):
        if (anchor := anchors.get(name)) is not None:
            check_anchor(conn, name, anchor)
        end = audit.chain_end(conn, name)
        if end is not None:
            found[name] = anchor_of(seal_of(end))
    return found


def _names(
    conn: Connection, anchors: Mapping[str, Anchor], organization: str | None
) -> Iterator[str]:
    """Go through the organizations, then through those that only an anchor names."""
    if organization is not None:
        yield organization
        return
    forgotten = set(anchors)
    for name in audit.organizations(conn):
        forgotten.discard(name)
        yield name
    yield from sorted(forgotten)


def _seal_one(
    conn: Connection,
    keys: Keyring,
    anchors: MutableMapping[str, Anchor],
    organization: str,
    batch: int,
    progress: Progress | None,
) -> tuple[int, int]:
    if (anchor := anchors.get(organization)) is not None:
        check_anchor(conn, organization, anchor)
    seals = deltas = 0
    last, tried = 0, False
    while True:
        row = audit.chain_end(conn, organization)
        end = None if row is None else seal_of(row)
        if tried and (end is None or end.number <= last):
            raise _lost(organization, last + 1)
        last, tried = 0 if end is None else end.number, True
        if end is not None:
            _require_sound(keys, end)
            anchors[organization] = anchor_of(end)
        entries = _entries(conn, keys, organization, end, batch)
        if not entries:
            return seals, deltas
        if _append(conn, keys, organization, end, entries):
            seals += 1
            deltas += len(entries)
            if progress is not None:
                progress(organization, deltas)


def _entries(
    conn: Connection, keys: Keyring, organization: str, end: Seal | None, batch: int
) -> list[Entry]:
    after = audit.LOWEST if end is None else end.last_sync_id
    found = audit.deltas(conn, organization, after, limit=batch)
    return [entry_of(keys.sealing, delta) for delta in found]


def _append(
    conn: Connection, keys: Keyring, organization: str, end: Seal | None, entries: list[Entry]
) -> bool:
    """Append the next seal; False if another sealer was faster."""
    at = audit.now(conn)
    seal = Seal(
        organization=organization,
        number=1 if end is None else end.number + 1,
        first_sync_id=entries[0].sync_id,
        last_sync_id=entries[-1].sync_id,
        delta_count=len(entries),
        key_id=keys.sealing.id,
        previous_mac=None if end is None else end.mac,
        fingerprints=pack(entries),
        sealed_at=timestamp(at),
    )
    seal = replace(seal, mac=mac_of(keys.sealing, seal))
    return audit.append(
        conn,
        seal.organization,
        seal.number,
        seal.first_sync_id,
        seal.last_sync_id,
        seal.delta_count,
        seal.key_id,
        seal.previous_mac,
        seal.fingerprints,
        at,
        seal.mac,
    )


def _require_sound(keys: Keyring, end: Seal) -> None:
    """Refuse to continue from a seal that was altered, or whose key was not given."""
    key = keys.find(end.key_id)
    if key is None:
        raise _broken(end, f"names the key {end.key_id!r}, which was not given")
    if not holds(key, end):
        raise _broken(end, "was altered")


def _lost(organization: str, number: int) -> AbloError:
    return error_for(
        "audit_broken",
        f"the database does not keep seal {number} of {organization}",
        remedy="look for triggers and rules on ablo.audit_seal, and at ablo.audit_append",
        details={"organization": organization, "seal": number},
    )


def _broken(end: Seal, what: str) -> AbloError:
    return error_for(
        "audit_broken",
        f"seal {end.number} of {end.organization} {what}; nothing is sealed after it",
        remedy="run `ablo-pg audit verify`; give every key that seals were made with",
        details={"organization": end.organization, "seal": end.number},
    )
