"""The output of `ablo-pg audit`: lines for people, or one JSON object."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

import msgspec

from ablo_pg.audit import Anchor, Broken, Sealed, Verified
from ablo_pg.cli.output import plain, say, show, show_error, show_json
from ablo_pg.db.audit import Act
from ablo_pg.schema.names import wire_name

# Seconds between progress lines, on a terminal only.
PROGRESS_EVERY: Final = 1.0


class Progress:
    """Show progress of a long run on a terminal; nothing in the first second."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._last = time.monotonic()

    def __call__(self, organization: str, deltas: int) -> None:
        now = time.monotonic()
        if self._shown and now - self._last >= PROGRESS_EVERY:
            self._last = now
            say(f"{organization}: {deltas:,} deltas so far")


class Report:
    """The findings of `audit verify`, printed as they come; as JSON at the end."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._json: list[dict[str, object]] = []
        self._first: Broken | None = None
        self._broken = 0
        self._count = 0

    @property
    def sound(self) -> bool:
        """Whether no link is broken."""
        return not self._broken

    def add(self, one: Verified) -> None:
        """Report one organization."""
        self._count += 1
        self._broken += one.broken_count
        if self._first is None and one.broken:
            self._first = one.broken[0]
        if self._as_json:
            self._json.append(_verified(one))
            return
        show(_line(one))
        for broken in one.broken:
            show(f"  BROKEN {_place(broken)}: {broken.kind} ({broken.detail})")
        if one.broken_count > len(one.broken):
            show(f"  and {one.broken_count - len(one.broken):,} more")

    def close(self) -> None:
        """Report the verdict."""
        if self._as_json:
            first = None if self._first is None else asdict(self._first)
            show_json(
                {"sound": self.sound, "firstBroken": _camel(first), "organizations": self._json}
            )
        elif self._first is None:
            say(f"sound: {self._count:,} organizations")
        else:
            first_broken = f"{self._first.organization}, {_place(self._first)}: {self._first.kind}"
            say(f"broken: {self._broken:,} links, the first is {first_broken} [audit_broken]")


class Rounds:
    """The result of `audit seal`, round by round; with `follow`, only rounds with new seals."""

    def __init__(self, as_json: bool, *, follow: bool) -> None:
        self._as_json = as_json
        self._follow = follow
        self._refused: set[str] = set()

    def add(self, done: Sealed) -> None:
        """Report one round."""
        for error in done.refused:
            if str(error) not in self._refused:
                show_error(error, as_json=self._as_json)
        self._refused = {str(error) for error in done.refused}
        if self._follow and not done.seals:
            return
        numbers = {"organizations": done.organizations, "seals": done.seals, "deltas": done.deltas}
        if self._as_json:
            show_json(numbers | {"refused": len(done.refused)})
            return
        say(
            "sealed {deltas:,} deltas of {organizations:,} organizations: {seals:,} seals".format(
                **numbers
            )
        )


def show_heads(ends: Mapping[str, Anchor], as_json: bool) -> None:
    """Show where chains end."""
    if as_json:
        show_json({"organizations": msgspec.to_builtins(ends)})
        return
    for name, end in ends.items():
        show(f"{name}  seal {end.number}  sync id {end.last_sync_id}  key {end.key_id}  {end.mac}")


def show_acts(found: Sequence[Act], as_json: bool) -> None:
    """Show who ended whose claim."""
    if as_json:
        told = [_camel(asdict(act)) for act in found]
        show_json({"acts": told})
        return
    if not found:
        say("no participant has ended another's claim")
    for act in found:
        claim = act.subject
        words = f' ("{plain(claim["description"])}")' if claim.get("description") else ""
        show(
            f"{act.happened_at.astimezone():%Y-%m-%d %H:%M:%S}  {plain(act.organization)}  "
            f"{plain(act.actor)} ended {claim['claimId']} of {plain(claim['heldBy'])} "
            f"on {claim['entityType']} {plain(claim['entityId'])}{words}"
        )


def _line(one: Verified) -> str:
    parts = [f"{one.seals:,} seals, {one.deltas:,} deltas as sealed"]
    if one.through is not None:
        parts.append(f"through sync id {one.through}")
    if one.dropped:
        parts.append(f"{one.dropped:,} sealed deltas dropped by retention, not verified")
    if one.unsealed:
        parts.append(f"{one.unsealed:,} not sealed yet")
    return f"{one.organization}: " + "; ".join(parts)


def _place(broken: Broken) -> str:
    sync_id = "" if broken.sync_id is None else f"sync id {broken.sync_id}, "
    return f"{sync_id}seal {broken.seal}"


def _verified(one: Verified) -> dict[str, object]:
    found = _camel(asdict(one)) or {}
    return found | {"sound": one.sound, "broken": [_camel(asdict(each)) for each in one.broken]}


def _camel(values: dict[str, object] | None) -> dict[str, object] | None:
    return None if values is None else {wire_name(name): one for name, one in values.items()}
