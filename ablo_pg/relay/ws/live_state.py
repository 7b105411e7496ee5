"""What an organization's sockets can see of claims and presence: one read, and its changes.

Pure: `LiveState.parse` parses the kernel's `live_read`, `changes` compares two. A relay keeps no
such state for others: each reads the database's, so all show the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from ablo_pg.json_text import loads, same

Json: TypeAlias = Mapping[str, Any]

# The part of a lease that may pass before its renewal is shown: others only need one in future.
SHOWN_PART: Final = 3


class Target(NamedTuple):
    """A row, as live clients name it: the typename in lower case, and the id."""

    entity_type: str
    entity_id: str


@dataclass(frozen=True, slots=True)
class LiveState:
    """One read. held, waiting: claims by target, in queue order. now: the database's, in ms."""

    now: int = 0
    next_ms: int | None = None
    claims: Mapping[str, Json] = field(default_factory=dict)
    held: Mapping[Target, tuple[Json, ...]] = field(default_factory=dict)
    waiting: Mapping[Target, tuple[Json, ...]] = field(default_factory=dict)
    present: Mapping[str, Json] = field(default_factory=dict)
    holdings: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)  # held, by participant

    @classmethod
    def parse(cls, data: bytes) -> LiveState:
        """Parse the answer of `ablo.live_read`."""
        found = loads(data)
        held: dict[Target, tuple[Json, ...]] = {}
        waiting: dict[Target, tuple[Json, ...]] = {}
        holdings: dict[str, tuple[Json, ...]] = {}
        for claim in found["claims"]:
            where = Target(claim["entityType"], claim["entityId"])
            side = held if claim["status"] == "active" else waiting
            side[where] = (*side.get(where, ()), claim)
            if side is held:
                holder = claim["heldBy"]
                holdings[holder] = (*holdings.get(holder, ()), claim)
        return cls(
            found["now"],
            found["nextMs"],
            {claim["claimId"]: claim for claim in found["claims"]},
            held,
            waiting,
            {each["participant"]: _said(each) for each in found["present"]},
            holdings,
        )

    @property
    def participants(self) -> set[str]:
        """All participants that are present, or hold something."""
        return self.present.keys() | self.holdings.keys()

    def blocked(self, waiter: Json) -> bool:
        """Whether another participant is ahead of a waiter."""
        where = Target(waiter["entityType"], waiter["entityId"])
        before = [
            *self.held.get(where, ()),
            *(each for each in self.waiting.get(where, ()) if each["ticket"] < waiter["ticket"]),
        ]
        return any(
            each["heldBy"] != waiter["heldBy"] and overlap(each.get("fields"), waiter.get("fields"))
            for each in before
        )


def _said(present: Json) -> Json:
    """Return a session's own activity, its meta in the shape that sockets are shown.

    The kernel stores any object that it was sent; groups in it decide which sockets see it.
    """
    meta = present.get("meta")
    shown = dict(meta) if isinstance(meta, Mapping) else {}
    groups = shown.get("syncGroups")
    if groups is not None:
        listed = groups if isinstance(groups, list) else []
        shown["syncGroups"] = [each for each in listed if isinstance(each, str)]
    return {**present, "meta": shown}


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two reads: participants with what happened to them, and rows."""

    participants: Mapping[str, str]  # to enter, update, leave
    targets: frozenset[Target]


def changes(old: LiveState, new: LiveState) -> Changes:
    """Return what has to be sent."""
    told: dict[str, str] = {}
    for one in new.participants:
        if one not in old.participants:
            told[one] = "enter"
        elif _differs(old, new, one):
            told[one] = "update"
    told.update(dict.fromkeys(old.participants - new.participants, "leave"))
    rows = {*old.held, *old.waiting, *new.held, *new.waiting}
    moved = {
        row
        for row in rows
        if _ids(old.held.get(row)) != _ids(new.held.get(row))
        or _ids(old.waiting.get(row)) != _ids(new.waiting.get(row))
    }
    return Changes(told, frozenset(moved))


def merged(old: LiveState, new: LiveState, told: Changes) -> LiveState:
    """Return the new read, but with the holdings that its audience has been sent.

    A slightly extended expiry is not sent, and must not count as sent.
    """
    holdings = {
        one: claims if one in told.participants else old.holdings.get(one, claims)
        for one, claims in new.holdings.items()
    }
    return LiveState(new.now, new.next_ms, new.claims, new.held, new.waiting, new.present, holdings)


def overlap(one: list[str] | None, other: list[str] | None) -> bool:
    """Whether two parts of a row overlap; none named means the whole row.

    >>> overlap(["Title"], ["title", "status"]), overlap(["a"], ["b"]), overlap(None, ["b"])
    (True, False, True)
    """
    if not one or not other:
        return True
    return not {name.lower() for name in one}.isdisjoint(name.lower() for name in other)


def _differs(old: LiveState, new: LiveState, participant: str) -> bool:
    before, after = old.present.get(participant), new.present.get(participant)
    if (before is None) != (after is None):
        return True
    if before is not None and after is not None:
        for key in ("status", "activity", "meta"):
            if not same(before.get(key), after.get(key)):
                return True
    had, has = old.holdings.get(participant, ()), new.holdings.get(participant, ())
    return _ids(had) != _ids(has) or any(
        now["expiresAt"] - was["expiresAt"] >= now["ttlMs"] / SHOWN_PART
        for was, now in zip(had, has, strict=True)
    )


def _ids(claims: tuple[Json, ...] | None) -> tuple[tuple[str, Any], ...]:
    return tuple((each["claimId"], each.get("fenceToken")) for each in claims or ())
