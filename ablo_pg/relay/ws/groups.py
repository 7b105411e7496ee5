"""Which sync groups one socket follows: what it asked for, within its credentials' groups.

Requests only ever narrow. A credential without its own groups may follow any group of its
organization, in any spelling: a group that no row has stays silent. `default` stands for the
organization's own group and is listed with it in messages to clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ablo_pg.changefeed.permissions import Permissions
from ablo_pg.changefeed.view import View
from ablo_pg.errors import error_for
from ablo_pg.relay.auth import Credential

DEFAULT: Final = "default"
GROUP_BYTES: Final = 512  # of one name


class SocketGroups:
    """The groups of one socket, and what it may see in them.

    Groups joined with an additional credential are a separate view: what the one credential may
    read is not seen in the groups of the other.

    Args: credential, whose groups bound the requests. most, how many a socket may follow.
    permissions, of the active schema.
    """

    __slots__ = (
        "_base",
        "_credential",
        "_granted",
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
        self._granted = self._granted_by(credential)
        self._most = most
        own = frozenset((self._own,)) if self._granted is None else self._granted
        self._base = View(own, credential.readable, credential.participant)
        self._joined: dict[str, list[View]] = {}
        self._follow()
        if asked is not None:
            self.replace(asked)

    @property
    def whole(self) -> bool:
        """Whether everything of the organization is followed."""
        return self._own in self.followed

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
        return self.told(self._base.groups)

    def join(self, name: str, asked: Iterable[str], other: Credential | None) -> list[str]:
        """Follow these groups too, under a name; other, an additional credential; as replace."""
        credentials = (self._credential,) if other is None else (self._credential, other)
        joined = {**self._joined, name: self._allowed(asked, *credentials)}
        views = [view for each in joined.values() for view in each]
        self._check_number(self._base.groups.union(*(view.groups for view in views)))
        self._joined = joined
        self._follow()
        return self.told(frozenset[str]().union(*(view.groups for view in joined[name])))

    def leave(self, name: str) -> bool:
        """Stop following what was joined under this name; return whether it existed."""
        there = self._joined.pop(name, None) is not None
        self._follow()
        return there

    def told(self, groups: Iterable[str]) -> list[str]:
        """Return groups as clients get them."""
        found = sorted(groups)
        return [DEFAULT, *found] if self._own in found else found

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
        self.followed = frozenset[str]().union(*(view.groups for view in self.views))

    def _granted_by(self, credential: Credential) -> frozenset[str] | None:
        granted = credential.sync_groups
        return None if granted is None or {DEFAULT, self._own} & granted else granted

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
        found = []
        for credential in credentials:
            granted = self._granted_by(credential)
            groups = wanted if granted is None else wanted & granted
            found.append(View(groups, credential.readable, credential.participant))
        if wanted and not any(view.groups for view in found):
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
