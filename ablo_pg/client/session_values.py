"""The values that `sessions` and a transport exchange when they mint a key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Verb: TypeAlias = Literal["read", "create", "update", "delete"]
VERBS: Final[tuple[Verb, ...]] = ("read", "create", "update", "delete")


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A session to mint; `operations` in the kernel's spelling, None for all."""

    kind: Literal["user", "agent"]
    name: str
    operations: tuple[str, ...] | None
    sync_groups: tuple[str, ...] | None
    ttl: float
    label: str | None
    meta: Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class SessionKey:
    """A session: its `token` is the API key to connect with. `repr` does not show it.

    participant: the one it acts as, `kind:id`. expires_at: when it expires.
    """

    id: str
    token: str = field(repr=False)
    organization: str
    participant: str
    expires_at: dt.datetime
