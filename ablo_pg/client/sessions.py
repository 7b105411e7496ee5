"""Keys for others, minted from the client's own: `ablo.sessions.create(agent="triage", can={...})`.

A session never exceeds its key's rights and never outlives it; the database enforces that. Its
token is shown only once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias

from ablo_pg.client.deadlines import within
from ablo_pg.client.durations import Duration, seconds_of
from ablo_pg.client.session import Session
from ablo_pg.client.session_values import VERBS, SessionKey, SessionRequest, Verb
from ablo_pg.errors import AbloError, error_for

# {"tasks": ["read", "update"]}, {"tasks": "read"}, or "*": everything that the parent may do.
Can: TypeAlias = Mapping[str, Verb | Sequence[Verb]] | Literal["*"]

TTL: Final = 3600.0  # seconds


class MintsSessions(Protocol):
    """The part of a transport that sessions need."""

    async def session_create(self, request: SessionRequest) -> SessionKey:
        """Mint a key from the client's own."""

    async def session_revoke(self, session_id: str) -> None:
        """End it, and every key minted from it."""


class Sessions:
    """Creates and ends sessions of users and agents. Needs an API key, also on a database."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def create(
        self,
        *,
        user: str | None = None,
        agent: str | None = None,
        can: Can,
        sync_groups: Sequence[str] | None = None,
        ttl: Duration | None = None,
        label: str | None = None,
        meta: Mapping[str, object] | None = None,
        timeout: float | None = None,
    ) -> SessionKey:
        """Mint a key for a user or an agent.

        user, agent: the id it acts as; pass one of them. can: which operations on which models,
        `{"tasks": ["read", "update"]}`, or "*" for all that the own key may do. sync_groups: only
        rows in these, `["projects:p1"]`; default: those of the own key. ttl: how long it lasts
        (default one hour). label, meta: stored with it. Raises capability_scope_denied if it would
        exceed the own key, forbidden for a key that cannot mint, api_key_required on a database
        without a key.
        """
        kind, name = _who(user, agent)
        request = SessionRequest(
            kind,
            name,
            self._operations(can),
            _groups(sync_groups),
            TTL if ttl is None else seconds_of(ttl, "ttl"),
            label,
            meta,
        )
        async with within(self._session.seconds(timeout), "Making a session"):
            return await self._session.transport.session_create(request)

    async def revoke(self, id: str, *, timeout: float | None = None) -> None:
        """End a session at once, with every key minted from it; its streams end within seconds.

        Raises capability_not_found.
        """
        async with within(self._session.seconds(timeout), "Ending a session"):
            await self._session.transport.session_revoke(id)

    def _operations(self, can: Can) -> tuple[str, ...] | None:
        if can == "*":
            return None
        if not isinstance(can, Mapping):
            raise _invalid("can", f"cannot be {can!r}", 'pass {"tasks": ["read"]}, or "*"')
        found: list[str] = []
        for model, verbs in can.items():
            entry = self._session.registry.entry(model)
            for verb in [verbs] if isinstance(verbs, str) else verbs:
                if verb not in VERBS:
                    remedy = f"use some of: {', '.join(VERBS)}"
                    raise _invalid("can", f"{verb!r} is not an operation on {model}", remedy)
                found.append(f"{entry.typename.lower()}.{verb}")
        return tuple(dict.fromkeys(found))


def _who(user: str | None, agent: str | None) -> tuple[Literal["user", "agent"], str]:
    kind: Literal["user", "agent"] = "agent" if user is None else "user"
    name = agent if user is None else user
    if (user is None) == (agent is None) or not isinstance(name, str):
        raise _invalid("user", "and agent: one of them is needed", 'pass user="ann" or agent="a"')
    name = name.removeprefix(f"{kind}:")
    if not name or "\x00" in name:
        raise _invalid(kind, f"cannot be {name!r}", "pass the id that it acts as")
    return kind, name


def _groups(given: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(given, str):
        raise _invalid("sync_groups", "must be a list", 'pass ["kind:id"]')
    return None if given is None else tuple(given)


def _invalid(option: str, problem: str, remedy: str) -> AbloError:
    return error_for("invalid_options", f"{option} {problem}", field=option, remedy=remedy)
