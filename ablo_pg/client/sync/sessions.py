"""The sync twins of `sessions`. Written by .ci/sync_twin.py, do not edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from ablo_pg.client.durations import Duration
from ablo_pg.client.session_values import SessionKey
from ablo_pg.client.sessions import Can, Sessions
from ablo_pg.client.sync.by_hand import Twin


class SyncSessions(Twin[Sessions]):
    """Creates and ends sessions of users and agents. Needs an API key, also on a database."""

    def create(
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
        return self._portal.call(
            partial(
                self._inner.create,
                user=user,
                agent=agent,
                can=can,
                sync_groups=sync_groups,
                ttl=ttl,
                label=label,
                meta=meta,
                timeout=timeout,
            )
        )

    def revoke(self, id: str, *, timeout: float | None = None) -> None:
        """End a session at once, with every key minted from it; its streams end within seconds.

        Raises capability_not_found.
        """
        self._portal.call(partial(self._inner.revoke, id, timeout=timeout))
