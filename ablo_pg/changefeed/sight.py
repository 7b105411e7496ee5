"""What a key may see while the rows that grant it groups change: followed through the log.

A key of a user sees the groups that the schema's identity roles give it, and those that rows of
granting models give the user (`ablo.key_reach` decides; `ablo.sight_at` says what that was at a
cursor). The change of such a row is a delta like any other, and says in its groups what it grants:

    ~user:<user>                               whose it is, by which streams are offered it
    ~grants:<length of user>:<user>:<group>    the group

so what a stream shows at each position is a function of the log up to there. `Turn` is the step
over one such delta: rows that come into sight are shown, rows that leave are removed.

Why a turn is exact. The rows of a group are read later than the delta's position m, at stamp s.
Those that have not changed since m are as they were: they are shown, or removed, at m. The others
have deltas in (m, s]. A row that is in sight after one is shown by it, with its whole content. A
row that was in a lost group until then is removed by it, the first one after m; one that came into
sight at m was not shown, so the first one is shown without what was before (`Unsettled`).

In sight is a row in the groups of a view that its participant may read: the kernel says so of rows,
`permissions` of deltas. What could not be read before is not removed either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import msgspec

from ablo_pg.changefeed.filters import Filter, concerned
from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.view import View, groups_of, seen, seen_again
from ablo_pg.db.sights import SightRow, SightRows, SightState
from ablo_pg.delta import Delta
from ablo_pg.errors import AbloError, error_for

SIGHT_IDS: Final = 1000  # unused before the change of a grant: `ablo.sight_ids`
MET_MOST: Final = 100_000  # rows whose first change after a step is known


class SightSource(Protocol):
    """The kernel's word on what keys see. Calls raise AbloError."""

    async def at(self, organization: str, key_id: str, cursor: int | None) -> SightState:
        """Return what the key could see at a cursor; None means now. Raises snapshot_required."""

    async def rows(
        self,
        organization: str,
        after: int,
        groups: Collection[str],
        shown: Collection[str],
        participants: Collection[str],
    ) -> SightRows:
        """Return the rows in these groups that have not changed since `after`, and that one of
        these participants may read; with content if they are in a group of `shown`."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A key whose groups are decided by its participant's identity, and by rows.

    asked: the groups that a stream wants of it; None: all. state: None until the stream has begun.
    """

    source: SightSource
    key_id: str
    asked: frozenset[str] | None = None
    state: SightState | None = None

    @property
    def marker(self) -> str | None:
        """The group of the deltas that may change it."""
        subject = None if self.state is None else self.state.subject
        return None if subject is None else f"~user:{subject}"

    def reach(self, organization: str) -> frozenset[str]:
        """Return the groups that the key sees: the mirror of `ablo.key_reach`."""
        assert self.state is not None
        fixed, bound = self.state.groups, self.state.bound
        if fixed is None:
            return frozenset((f"org:{organization}",)) if bound is None else bound
        found = fixed.union(self.state.granted)
        return found if bound is None else found & bound

    def moved(self, delta: Delta) -> Sight:
        """Return it after a delta: the mirror of `ablo.grant_changes`."""
        state = self.state
        if state is None or state.subject is None:
            return self
        prefix = f"~grants:{len(state.subject)}:{state.subject}:"
        granted = Counter(state.granted)
        for pair in dict.fromkeys((*delta.groups, *delta.left_groups)):
            if pair.startswith(prefix):
                before = delta.op != "I" and pair not in delta.entered_groups
                after = delta.op != "D" and pair not in delta.left_groups
                granted[pair.removeprefix(prefix)] += after - before
        return replace(self, state=msgspec.structs.replace(state, granted=dict(+granted)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SightView(View):
    """A view whose groups follow from a sight."""

    sight: Sight

    def to(self, sight: Sight, organization: str) -> SightView:
        """Return it with another state of the same sight."""
        groups = sight.reach(organization)
        asked = sight.asked
        return replace(self, groups=groups if asked is None else groups & asked, sight=sight)


async def views_at(
    views: Sequence[View], organization: str, cursor: int | None
) -> tuple[Sequence[View], int | None]:
    """Return views as they were at a cursor, and the cursor; None means now.

    Raises snapshot_required if a push has changed what they show since.
    """
    found: list[View] = []
    for view in views:
        if isinstance(view, SightView):
            sight = view.sight
            state = await sight.source.at(organization, sight.key_id, cursor)
            cursor = state.cursor
            found.append(view.to(replace(sight, state=state), organization))
        else:
            found.append(view)
    return tuple(found), cursor


def markers(views: Sequence[View]) -> frozenset[str]:
    """Return the groups of the deltas that may change what these views show."""
    found = (view.sight.marker for view in views if isinstance(view, SightView))
    return frozenset(marker for marker in found if marker is not None)


def moved(views: Sequence[View], delta: Delta) -> Sequence[View]:
    """Return views as they are after a delta."""
    return tuple(
        view.to(view.sight.moved(delta), delta.organization_id)
        if isinstance(view, SightView)
        else view
        for view in views
    )


@dataclass(slots=True)
class Unsettled:
    """A step whose rows the log has yet to show, if they changed before they could be read.

    views: those before it. through: the stamp as of which rows were read. met: rows whose first
    change after it was judged.
    """

    views: Sequence[View]
    through: int
    met: set[tuple[str, str]] = field(default_factory=set)

    def judge(self, delta: Delta, shown: Delta | None, permissions: Permissions) -> Delta | None:
        """Return what is shown of a change: of a row's first, a removal if the row was in sight
        until then and is no longer; no past if it is in sight only since the step."""
        target = (delta.model, delta.row_id)
        if delta.sync_id > self.through or target in self.met:
            return shown
        groups = {*delta.groups, *delta.left_groups}
        known = groups.difference(delta.entered_groups)
        if shown is None:
            if not any(view.sees(delta.model, groups) for view in self.views):
                return None
            had = views_before(self.views, delta, groups, permissions)
            shown = removal_of(delta, delta.model, delta.row_id, groups, had) if had else None
        elif shown.before is None or views_before(self.views, delta, known, permissions):
            return shown
        else:
            shown = shown._replace(before=None)
        if len(self.met) == MET_MOST:
            raise too_much()
        self.met.add(target)
        return shown


def shown_of(
    deltas: Iterable[Delta],
    views: Sequence[View],
    permissions: Permissions,
    unsettled: Sequence[Unsettled],
    filter: Filter | None,
) -> list[Delta]:
    """Return deltas as these views show them, after steps that are not settled yet.

    Raises permission_denied if the filter names a field that a push has hidden from them.
    """
    if filter is not None:
        permissions.require(filter.model, filter.names, [view.participant for view in views])
    if not unsettled:
        judged = (seen(views, delta, permissions) for delta in concerned(filter, deltas))
        return [delta for delta in judged if delta is not None]
    found = []
    for delta in deltas:  # also such as do not concern the filter: they may be a row's first
        shown = seen(views, delta, permissions)
        for each in unsettled:
            shown = each.judge(delta, shown, permissions)
        if shown is not None and (filter is None or filter.concerns(delta)):
            found.append(shown)
    return found


def shown_again(
    deltas: Iterable[Delta],
    views: Sequence[View],
    permissions: Permissions,
    unsettled: Sequence[Unsettled],
) -> list[Delta]:
    """Return those of deltas that wait to be taken that these views show: see `seen_again`."""
    had = [*views, *(view for each in unsettled for view in each.views)]
    shown = (seen_again(views, delta, permissions, had) for delta in deltas)
    return [delta for delta in shown if delta is not None]


def views_before(
    views: Sequence[View], delta: Delta, groups: Collection[str], permissions: Permissions
) -> list[View]:
    """Return those that showed the row before a change, if it was in these groups then."""
    return [
        view
        for view in views
        if delta.op != "I"
        and view.sees(delta.model, groups)
        and permissions.had(delta, view.participant)
    ]


async def turn(
    old: Sequence[View], new: Sequence[View], delta: Delta, after: int, permissions: Permissions
) -> tuple[list[Delta], int]:
    """Return what a delta that changes views shows and removes, and the stamp of the rows.

    after: the position of the stream before it; what is returned lies behind that, and ends with
    the delta's own id. Raises snapshot_required if there are more rows than ids.
    """
    before, now = groups_of(old), groups_of(new)
    through = delta.sync_id
    found: list[Delta] = []
    changed = (before | now) - (before & now)
    source = next((view.sight.source for view in new if isinstance(view, SightView)), None)
    if changed and source is not None:
        who = {view.participant for view in (*old, *new) if view.participant is not None}
        read = await source.rows(delta.organization_id, delta.sync_id, changed, now - before, who)
        through = read.stamp
        if read.rows is None:
            raise too_much()
        found.extend(_steps(old, new, delta, read.rows, permissions))
    own = _own_step(old, new, delta, permissions)
    if own is not None:
        found.append(own)
    first = delta.sync_id - len(found) + 1
    if first <= after:
        raise too_much()
    return [one._replace(sync_id=first + n) for n, one in enumerate(found)], through


def _own_step(
    old: Sequence[View], new: Sequence[View], delta: Delta, permissions: Permissions
) -> Delta | None:
    """Return the delta itself between the views before and after it."""
    own = seen(new, delta, permissions)
    groups = {*delta.groups, *delta.left_groups}
    had = views_before(old, delta, groups, permissions)
    if own is None or own.op == "D":
        if not had:
            return None
        own = own or removal_of(delta, delta.model, delta.row_id, groups, had)
    if own.before is not None:
        known = groups.difference(delta.entered_groups)
        if not any(view.sees(delta.model, known) for view in had):
            own = own._replace(before=None)
    return own


def _steps(
    old: Sequence[View],
    new: Sequence[View],
    delta: Delta,
    rows: Sequence[SightRow],
    permissions: Permissions,
) -> Iterator[Delta]:
    for row in rows:
        if (row.model, row.id) == (delta.model, delta.row_id):
            continue  # shown by the delta itself
        was = _showing(old, row)
        now = _showing(new, row)
        if was and not now:
            yield removal_of(delta, row.model, row.id, row.groups, was)
        elif now and not was:
            made = delta._replace(op="I", model=row.model, row_id=row.id, row=row.data)
            made = permissions.shown(made, [view.participant for view in now])
            yield bare(made)._replace(groups=row.groups, entered_groups=row.groups)


def _showing(views: Sequence[View], row: SightRow) -> list[View]:
    return [
        view
        for view in views
        if view.sees(row.model, row.groups)
        and (row.readers is None or view.participant in row.readers)
    ]


def removal_of(
    delta: Delta, model: str, row_id: str, groups: Collection[str], views: Sequence[View]
) -> Delta:
    """Return the removal of a row, without content, by the one who wrote a delta."""
    known = groups_of(views)
    own = f"org:{delta.organization_id}"
    named = (own, *(one for one in groups if one in known and one != own))
    return bare(delta._replace(op="D", model=model, row_id=row_id, row=None))._replace(groups=named)


def bare(delta: Delta) -> Delta:
    """Return a delta without what only its writer's operation says."""
    return delta._replace(
        changed=(),
        capability_id=None,
        claim_id=None,
        transaction_id=None,
        left_groups=(),
        before=None,
        entered_groups=(),
    )


def too_much() -> AbloError:
    """Return the order to begin again: there is more to show or to remove than ids for it."""
    return reach_changed("a grant has changed what this key may see by too many rows")


def reach_changed(why: str) -> AbloError:
    """Return the order to begin again."""
    return error_for(
        "snapshot_required", why, remedy="take a new snapshot and follow from its watermark"
    )
