"""What a key may see of the log if the kernel is not asked: the stream, pages of the log.

`seen` mirrors `ablo.delta_seen` and `View.sees` mirrors `ablo.key_sees`; nothing else in Python
decides this, and a test compares both sides. Every row is in the group of its organization, so a
key without sync groups has that one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass

from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.delta import Delta


class Models:
    """The models that pass a test, present or future; each is tested once."""

    def __init__(self, test: Callable[[str], bool]) -> None:
        self._test = test
        self._known: dict[str, bool] = {}

    def __contains__(self, typename: object) -> bool:
        found = self._known.get(str(typename))
        if found is None:
            found = self._known[str(typename)] = self._test(str(typename))
        return found


@dataclass(frozen=True, slots=True)
class View:
    """Some groups, and the models that may be seen in them; None means every model.

    participant: `kind:id`, whose rows these are where a model limits reading; None: a reader that
    passes the log on and judges nothing.
    """

    groups: frozenset[str]
    models: Container[str] | None = None
    participant: str | None = None

    def sees(self, model: str, groups: Iterable[str]) -> bool:
        """Whether rows of a model in these groups are visible in it."""
        return not self.groups.isdisjoint(groups) and (self.models is None or model in self.models)


def groups_of(views: Sequence[View]) -> frozenset[str]:
    """Return the groups of all these views."""
    return frozenset[str]().union(*(view.groups for view in views))


def seen(views: Sequence[View], delta: Delta, permissions: Permissions) -> Delta | None:
    """Return a delta as the holder of these views may see it, or None.

    Views are independent: models of one are not seen in the groups of another. A row that has left
    the groups becomes a removal, without its new content; one that has entered them comes without
    what was before. So does one that leaves or enters what the participant may read. A field that
    it may not read is null, and not among the changed ones.
    """
    if delta.model in permissions.guarded:
        return _judged(views, delta, permissions)
    left = delta.left_groups
    if delta.entered_groups and delta.before is not None:
        known = {*delta.groups, *left}.difference(delta.entered_groups)
        if not any(view.sees(delta.model, known) for view in views):
            delta = delta._replace(before=None)
    own = f"org:{delta.organization_id}" if left else ""
    shown = False
    for view in views:
        if view.sees(delta.model, delta.groups):
            if not left or own in view.groups:
                return delta
            shown = True
    if shown:
        return delta._replace(left_groups=())
    if not left or not (had := [view for view in views if view.sees(delta.model, left)]):
        return None
    return _removal(had, delta, left)


def seen_again(
    views: Sequence[View], delta: Delta, permissions: Permissions, had: Sequence[View]
) -> Delta | None:
    """As `seen`, of a delta that was shown and waits: its reader follows other groups now.

    A removal without content has nothing left to judge, and must reach those that have the row.
    had: the views that may have shown it to them.
    """
    if delta.op == "D" and delta.before is None:
        return delta if any(view.sees(delta.model, delta.groups) for view in had) else None
    return seen(views, delta, permissions)


def _judged(views: Sequence[View], delta: Delta, permissions: Permissions) -> Delta | None:
    """As `seen`, of a model that limits reading: each view by the rows that its participant sees.

    A removal also goes to groups that the row has entered: it has no content.
    """
    now: list[View] = []
    then: list[View] = []
    for view in views:
        had, has = (True, True)
        if view.participant is not None:
            had, has = permissions.judge(delta, view.participant)
        if has or (had and delta.op == "D"):
            now.append(view)
        if had:
            then.append(view)
    left = delta.left_groups
    known = {*delta.groups, *left}.difference(delta.entered_groups)
    shown = [view for view in now if view.sees(delta.model, delta.groups)]
    if shown:
        if not any(view.sees(delta.model, known) for view in then):
            delta = delta._replace(before=None)
        delta = permissions.shown(delta, [view.participant for view in shown])
        own = f"org:{delta.organization_id}"
        return (
            delta if any(own in view.groups for view in shown) else delta._replace(left_groups=())
        )
    groups = (*left, *delta.groups)
    had_it = [
        view
        for view in then
        if view.sees(delta.model, left if view in now else groups) and delta.op != "D"
    ]
    return _removal(had_it, delta, groups) if had_it else None


def _removal(had: Sequence[View], delta: Delta, left: Iterable[str]) -> Delta:
    own = f"org:{delta.organization_id}"
    named = (one for one in left if one != own and any(one in view.groups for view in had))
    return delta._replace(
        op="D",
        groups=(own, *named),
        row=None,
        changed=(),
        capability_id=None,
        claim_id=None,
        transaction_id=None,
        left_groups=(),
        before=None,
        entered_groups=(),
    )
