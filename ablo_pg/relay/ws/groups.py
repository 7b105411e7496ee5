"""Which sync groups one socket follows: what it asked for, within its credentials' groups.

Requests only ever narrow. A credential without its own groups may follow any group of its
organization, in any spelling: a group that no row has stays silent. `default` stands for the
organization's own group and is listed with it in messages to clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.sight import SightView
from ablo_pg.changefeed.view import View, groups_of
from ablo_pg.errors import error_for
from ablo_pg.relay.auth import Credential

DEFAULT: Final = "default"
GROUP_BYTES: Final = 512  # of one name


class SocketGroups:
    """The groups of one socket, and what it may see in them.

    Groups joined with an additional credential are a separate view: what the one credential may
    read is not seen in the groups of the other. Of a credential whose groups change (`sight`),
    `default` stands for all that it may see, then too; `follow` says what that has become.

    Args: credential, whose groups bound the requests. most, how many a socket may follow.
    permissions, of the active schema.
    """

    __slots__ = (
        "_base",
        "_credential",
        "_joined",
        "_most",
        "_own",
        "_permissions",
        "followed",
        "views",
    )

    def __init__(
        self,
        credential: Credential,
        most: int,
        asked: Iterable[str] | None,
        permissions: Permissions,
    ) -> None:
        self._own = f"org:{credential.organization}"
        self._credential = credential
        self._permissions = permissions
        self._most = most
        self._joined: dict[str, list[View]] = {}
        self.views: Sequence[View] = ()
        self._base = self._whole(credential)
        self._follow()
        if asked is not None:
            self.replace(asked)

    @property
    def whole(self) -> bool:
        """Whether everything of the organization is followed."""
        return self._own in self.followed

    @property
    def narrowed(self) -> frozenset[str] | None:
        """The groups to limit a read of the credential's to; None: what it may see."""
        if isinstance(self._base, SightView):
            return self._base.sight.asked
        return None if self.whole else self.followed

    @property
    def unlimited(self) -> bool:
        """Whether all of it may be seen."""
        every = any(self._own in view.groups and view.models is None for view in self.views)
        return every and not self._permissions.guarded

    def replace(self, asked: Iterable[str]) -> list[str]:
        """Follow these groups; return the result. Raises malformed_subscription,
        capability_scope_denied if none of them may be followed."""
        (self._base,) = self._allowed(asked, self._credential)
        self._follow()
        return self.told((self._base,))

    def join(self, name: str, asked: Iterable[str], other: Credential | None) -> list[str]:
        """Follow these groups too, under a name; other, an additional credential; as replace."""
        credentials = (self._credential,) if other is None else (self._credential, other)
        joined = {**self._joined, name: self._allowed(asked, *credentials)}
        views = [view for each in joined.values() for view in each]
        self._check_number(self._base.groups | groups_of(views))
        self._joined = joined
        self._follow()
        return self.told(joined[name])

    def leave(self, name: str) -> bool:
        """Stop following what was joined under this name; return whether it existed."""
        there = self._joined.pop(name, None) is not None
        self._follow()
        return there

    def follow(self, views: Sequence[View]) -> None:
        """Take these views, each what has become of the one in its place."""
        self._base, *joined = views
        rest = iter(joined)
        self._joined = {name: [next(rest) for _ in each] for name, each in self._joined.items()}
        self._follow()

    def told(self, views: Sequence[View] | None = None) -> list[str]:
        """Return the groups of some views as clients get them; None means of all."""
        views = self.views if views is None else views
        found = sorted(groups_of(views))
        return [DEFAULT, *found] if self._own in found or any(map(_entire, views)) else found

    def meets(self, groups: Iterable[str]) -> bool:
        """Whether one of these is followed."""
        return not self.followed.isdisjoint(
            self._own if group == DEFAULT else group for group in groups
        )

    def sees(self, model: str, groups: Iterable[str], row: Mapping[str, object] | None) -> bool:
        """Whether a row in these groups may be seen; the model's name in any case.

        row: its values, if its model limits reading.
        """
        named = frozenset((self._own, *groups))
        return any(
            view.sees(model, named) and self._permissions.reads(model, row, view.participant or "")
            for view in self.views
        )

    def sees_claim(self, claim: Mapping[str, Any]) -> bool:
        """Whether the row of a claim may be seen."""
        return self.sees(claim["entityType"], claim.get("groups") or (), claim.get("row"))

    def _follow(self) -> None:
        self.views = (self._base, *(view for each in self._joined.values() for view in each))
        self.followed = groups_of(self.views)

    def _whole(self, credential: Credential) -> View:
        """Return all that a credential may see, as far as that is known."""
        for view in self.views:
            if isinstance(view, SightView) and view.sight.key_id == credential.key_id:
                sight = replace(view.sight, asked=None)
                return view if sight.state is None else view.to(sight, credential.organization)
        found = credential.view
        if {DEFAULT, self._own} & found.groups:
            return replace(found, groups=frozenset((self._own,)))
        return found

    def _allowed(self, asked: Iterable[str], *credentials: Credential) -> list[View]:
        """Return which of these groups each credential allows."""
        wanted = frozenset(self._own if group == DEFAULT else group for group in asked)
        self._check_number(wanted)
        for group in wanted:
            if not group or len(group.encode()) > GROUP_BYTES or "\x00" in group:
                raise error_for(
                    "malformed_subscription",
                    f"{group[:40]!r} is not a sync group",
                    field="syncGroups",
                    remedy="name groups as kind:id",
                )
        found: list[View] = []
        for credential in credentials:
            view = self._whole(credential)
            if isinstance(view, SightView) and self._own not in wanted:
                view = replace(view, sight=replace(view.sight, asked=wanted))
            if self._own not in wanted or not isinstance(view, SightView):
                groups = wanted if self._own in view.groups else wanted & view.groups
                view = replace(view, groups=groups)
            found.append(view)
        if wanted and not any(view.groups or _entire(view) for view in found):
            raise error_for(
                "capability_scope_denied",
                "None of these sync groups is within this credential",
                field="syncGroups",
                remedy="follow the groups that /api/auth/identity lists",
            )
        return found

    def _check_number(self, groups: frozenset[str]) -> None:
        if len(groups) > self._most:
            raise error_for(
                "malformed_subscription",
                f"{len(groups)} sync groups; a socket may follow {self._most}",
                field="syncGroups",
                remedy="follow fewer, or a group that contains them",
                details={"limit": self._most},
            )


def _entire(view: View) -> bool:
    return isinstance(view, SightView) and view.sight.asked is None
