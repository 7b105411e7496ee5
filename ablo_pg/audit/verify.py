"""Verifying: recompute an organization's chain over what the log still has, and name what broke.

One pass per organization, seal by seal; a seal's entries and one delta are in memory at a time. A
seal's content counts only if its own mac is valid. Retention drops the oldest deltas: their seals
stay, and are checked as seals.
"""

from __future__ import annotations

import datetime as dt
import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from psycopg import Connection

from ablo_pg.audit.anchor import Anchor, anchor_of, anchored_seal
from ablo_pg.audit.chain import EPOCH, AuditKey, Entry, Seal, entry_of, holds, integer, seal_of
from ablo_pg.audit.keys import Keyring
from ablo_pg.audit.seal import Progress
from ablo_pg.db import audit
from ablo_pg.errors import error_for

Kind = Literal[
    "altered",  # a delta's content differs from what was sealed
    "missing",  # a sealed delta is gone
    "inserted",  # a delta among sealed ones that was not there when they were sealed
    "reordered",  # a sealed delta is in another place
    "seal_altered",  # a seal's own mac is invalid, or it is not the one it should be
    "seal_missing",  # a seal is gone, within the chain or, according to the anchor, from its end
    "key_unknown",  # a seal names a key that was not given: a key is missing, or it was altered
    "not_anchored",  # the anchor does not name an organization whose chain it should
]
_DETAILS: Final[dict[Kind, str]] = {
    "altered": "its content differs from what was sealed",
    "missing": "it was sealed and is gone",
    "inserted": "it is among sealed ones, and no seal has it",
    "reordered": "its content was sealed under another sync id",
}
# A sealer records an organization's first seals in the anchor at the end of its round.
NEW: Final = dt.timedelta(minutes=10)
KEPT: Final = 100  # findings listed per organization; the rest is counted

WANTED: Final = 100_000  # contents remembered as missing from their place; bounds memory


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken link. sync_id: the delta, or the first that a broken seal covers."""

    kind: Kind
    organization: str
    sync_id: int | None
    seal: int
    detail: str


@dataclass(slots=True)
class Verified:
    """The findings of one organization.

    seals: sound ones. deltas: those that are as sealed, the last of them `through`. dropped: sealed
    deltas that retention has dropped. unsealed: deltas after the last seal, which nothing covers.
    broken: in the order of the chain, at most 100; broken_count: all.
    """

    organization: str
    seals: int = 0
    deltas: int = 0
    through: int | None = None
    dropped: int = 0
    unsealed: int = 0
    broken: list[Broken] = field(default_factory=list)
    broken_count: int = 0

    @property
    def sound(self) -> bool:
        """Whether there is no broken link."""
        return not self.broken_count


def verify_all(
    conn: Connection,
    keys: Keyring,
    anchors: Mapping[str, Anchor] | None,
    *,
    organization: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Verified]:
    """Verify one organization, or each that has deltas, seals or an anchor, in order of name.

    anchors: None if there is no anchor file. Raises invalid_options for an unknown organization: a
    wrong name must not verify as sound. Raises audit_broken if a table was replaced.
    """
    audit.check_tables(conn)
    known = anchors or {}
    names: Iterable[str] = [organization] if organization is not None else _names(conn, known)
    for name in names:
        verification = _Verification(conn, keys, name, progress)
        found = verification.run(known.get(name), anchored=anchors is not None)
        if found == Verified(name):
            raise error_for(
                "invalid_options",
                f"there are no deltas and no seals of an organization {name!r}",
                field="organization",
                remedy="check the name; `ablo-pg audit head` lists those that have seals",
            )
        yield found


def _names(conn: Connection, anchors: Mapping[str, Anchor]) -> Iterator[str]:
    found = set(audit.organizations(conn)) | set(anchors)
    return iter(sorted(found))


def is_old(seal: Seal) -> bool:
    """Whether a seal is so old that a maintained anchor file must know it."""
    made = EPOCH + dt.timedelta(microseconds=integer(seal.sealed_at))
    return dt.datetime.now(dt.UTC) - made > NEW


class _Verification:
    """The pass over one organization."""

    def __init__(
        self, conn: Connection, keys: Keyring, organization: str, progress: Progress | None
    ) -> None:
        self._conn = conn
        self._keys = keys
        self._progress = progress
        self._found = Verified(organization)
        self._dropped = audit.dropped_through(conn)
        # Fingerprints that are missing from a place, and unexpected ones there.
        self._wanted: set[bytes] = set()
        self._strays: dict[int, bytes] = {}

    def run(self, anchor: Anchor | None, *, anchored: bool = False) -> Verified:
        """Check every seal and what it covers, the end of the chain, and the deltas after it."""
        organization = self._found.organization
        previous: Seal | None = None
        sound = True
        for seal in self._seals():
            key = self._check_mac(seal)
            if key is not None:
                self._found.seals += 1
                self._check_deltas(key, seal, self._check_place(seal, previous, sound))
            if anchored and anchor is None and previous is None and is_old(seal):
                detail = "the anchor file does not name this organization"
                self._break("not_anchored", None, seal.number, detail)
            previous, sound = seal, key is not None
            if self._progress is not None:
                self._progress(organization, self._found.deltas)
        if anchor is not None:
            self._check_anchor(anchor)
        end = audit.LOWEST if previous is None else previous.last_sync_id
        self._found.unsealed = audit.unsealed(self._conn, organization, end)
        self._recognise_moved()
        return self._found

    def _seals(self) -> Iterator[Seal]:
        after = audit.LOWEST
        while page := list(audit.seals(self._conn, self._found.organization, after)):
            for columns in page:
                seal = seal_of(columns)
                after = seal.number
                yield seal

    def _check_place(self, seal: Seal, previous: Seal | None, sound: bool) -> int:
        """Check that a sound seal continues the previous one; return where its deltas begin.

        sound: whether the previous seal is; if not, its claim about its position is ignored.
        """
        expected = 1 if previous is None else previous.number + 1
        if seal.number > expected and sound:
            first = None if previous is None else previous.last_sync_id + 1
            missing = f"{expected}" if seal.number == expected + 1 else f"{expected} and following"
            self._break("seal_missing", first, expected, f"seal {missing}: gone")
        elif sound and previous is not None and seal.previous_mac != previous.mac:
            detail = "the next seal continues a different one"
            self._break("seal_altered", previous.first_sync_id, previous.number, detail)
        if previous is None and seal.number == 1:
            return audit.LOWEST
        if previous is None or not sound or seal.number != expected:
            return seal.first_sync_id - 1
        return previous.last_sync_id

    def _check_mac(self, seal: Seal) -> AuditKey | None:
        """Return the key under which the seal is sound."""
        key = self._keys.find(seal.key_id)
        if key is not None and holds(key, seal):
            return key
        known = key is not None or any(
            holds(one, replace(seal, key_id=one.id)) for one in self._keys.keys.values()
        )
        if known:
            detail = "the seal was altered; what it covers is not checked"
            self._break("seal_altered", seal.first_sync_id, seal.number, detail)
        else:
            detail = f"it names the key {seal.key_id!r}, which was not given, or it was altered"
            self._break("key_unknown", seal.first_sync_id, seal.number, detail)
        return None

    def _check_deltas(self, key: AuditKey, seal: Seal, after: int) -> None:
        """Compare a sound seal's entries with the log in its range."""
        deltas = audit.deltas(self._conn, seal.organization, after, seal.last_sync_id)
        actual = ((entry_of(key, delta), True) for delta in deltas)
        sealed = ((entry, False) for entry in seal.entries())
        gone: list[Entry] = []
        strays: list[tuple[Kind, Entry]] = []
        stray_count = 0
        waiting: Entry | None = None  # sealed, and not yet seen in the log
        # For the same sync id, the sealed delta comes first.
        for entry, is_actual in heapq.merge(sealed, actual, key=lambda pair: pair[0].sync_id):
            here = waiting if is_actual and waiting and waiting.sync_id == entry.sync_id else None
            gone += [waiting] if waiting and not here else []
            waiting = None if is_actual else entry
            if is_actual and here != entry:
                stray_count += 1
                self._want([here] if here else [])
                if len(strays) < KEPT:
                    strays.append(("altered" if here else "inserted", entry))
            elif is_actual:
                self._found.deltas += 1
                self._found.through = entry.sync_id
        gone += [waiting] if waiting else []
        self._tell(seal, strays, self._missing(gone))
        self._found.broken_count += stray_count - len(strays)

    def _missing(self, gone: list[Entry]) -> list[Entry]:
        """Return the part that retention has not dropped, perhaps just now."""
        if gone and gone[-1].sync_id > self._dropped:
            self._dropped = audit.dropped_through(self._conn)
        missing = [entry for entry in gone if entry.sync_id > self._dropped]
        self._found.dropped += len(gone) - len(missing)
        self._want(missing)
        return missing

    def _want(self, entries: list[Entry]) -> None:
        """Record contents that are not in their place."""
        if len(self._wanted) < WANTED:
            self._wanted |= {entry.fingerprint for entry in entries}

    def _tell(self, seal: Seal, strays: list[tuple[Kind, Entry]], missing: list[Entry]) -> None:
        """Report the findings of one seal, in order."""
        if self._found.broken_count < KEPT:
            self._strays |= {entry.sync_id: entry.fingerprint for _, entry in strays}
        found: list[tuple[Kind, Entry]] = [*strays, *(("missing", entry) for entry in missing)]
        for kind, entry in sorted(found, key=lambda pair: pair[1].sync_id):
            self._break(kind, entry.sync_id, seal.number, _DETAILS[kind])

    def _check_anchor(self, anchor: Anchor) -> None:
        name = self._found.organization
        seal = anchored_seal(self._conn, name, anchor)
        if seal is None:
            detail = f"the anchor names it, with sync ids through {anchor.last_sync_id}"
            self._break("seal_missing", None, anchor.number, detail)
        elif anchor_of(seal) != anchor and not any(
            each.seal == anchor.number and each.kind == "seal_altered"
            for each in self._found.broken
        ):
            detail = "it differs from the one that the anchor names"
            self._break("seal_altered", seal.first_sync_id, seal.number, detail)

    def _break(self, kind: Kind, sync_id: int | None, seal: int, detail: str) -> None:
        found = self._found
        found.broken_count += 1
        if len(found.broken) < KEPT:
            found.broken.append(Broken(kind, found.organization, sync_id, seal, detail))

    def _recognise_moved(self) -> None:
        """A content missing in one place and present in another was moved."""
        for index, one in enumerate(self._found.broken):
            if one.sync_id in self._strays and self._strays[one.sync_id] in self._wanted:
                detail = _DETAILS["reordered"]
                self._found.broken[index] = replace(one, kind="reordered", detail=detail)
