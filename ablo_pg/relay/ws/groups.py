"""Which sync groups one socket follows: what it asked for, within what its credential allows.

Asking only ever narrows. A credential without groups of its own may follow anything of its
organization, and any spelling: a group that no row has is simply silent. `default` stands for the
organization's own group and is kept beside it in what clients are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ablo_pg.errors import error_for
from ablo_pg.relay.auth import Credential

DEFAULT: Final = "default"
GROUP_BYTES: Final = 512  # of one name


class SocketGroups:
    """The groups of one socket.

    Args: credential, whose groups bound what may be asked for. most, how many a socket may follow.
    """

    def __init__(self, credential: Credential, most: int, asked: Iterable[str] | None) -> None:
        self._own = f"org:{credential.organization}"
        granted = credential.sync_groups
        if granted is not None and {DEFAULT, self._own} & granted:
            granted = None
        self._granted: frozenset[str] | None = granted
        self._most = most
        self._base: frozenset[str] = granted or frozenset((self._own,))
        self._joined: dict[str, frozenset[str]] = {}
        self.followed = self._base
        if asked is not None:
            self.replace(asked)

    @property
    def whole(self) -> bool:
        """Whether everything of the organization is followed."""
        return self._own in self.followed

    def replace(self, asked: Iterable[str]) -> list[str]:
        """Follow these groups; return what came of it. Raises malformed_subscription,
        capability_scope_denied when none of them may be followed."""
        self._base = self._allowed(asked)
        self._follow()
        return self.told(self._base)

    def join(self, name: str, asked: Iterable[str], granted: frozenset[str] | None) -> list[str]:
        """Follow these groups too, under a name. granted: by a further credential, None for none.

        Raises as `replace`.
        """
        found = self._allowed(asked, granted or frozenset())
        joined = {**self._joined, name: found}
        self._check_number(self._base.union(*joined.values()))
        self._joined = joined
        self._follow()
        return self.told(found)

    def leave(self, name: str) -> bool:
        """Follow what was joined under this name no longer; whether there was such."""
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

    def sees_claim(self, claim: Mapping[str, Any]) -> bool:
        """Whether the row of a claim is in one of the groups that are followed."""
        if self.whole:
            return True
        row = f"{claim['entityType']}:{claim['entityId']}"
        return row in self.followed or self.meets(claim.get("groups") or ())

    def _follow(self) -> None:
        self.followed = self._base.union(*self._joined.values())

    def _allowed(self, asked: Iterable[str], more: frozenset[str] = frozenset()) -> frozenset[str]:
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
        if self._granted is None:
            return wanted
        found = wanted & (self._granted | more)
        if wanted and not found:
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
                remedy="follow fewer, or a group that holds them",
                details={"limit": self._most},
            )
