"""Callers of the claim routines: `board.caller()` with a method for each."""

from __future__ import annotations

import json
from typing import Any

from .board import Board, Caller, Json


class Claimer(Caller):
    """A connection that claims, for one organization and participant; answers are the kernel's."""

    def acquire(self, row_id: str = "t1", model: str = "tasks", **request: Any) -> Json:
        """Ask for a claim; request: claimId, fields, description, ttl, queue, maxDepth, meta."""
        return self._routine("claim_acquire", model, row_id, json.dumps(request))

    def look(self, answer: Json, *, renew: bool = False) -> Json:
        """Return a claim as it stands now, granted if its turn has come."""
        return self._routine("claim_get", claim_id(answer), renew)

    def beat(self, answer: Json, **request: Any) -> Json:
        """Renew a claim; request: ttl, details."""
        return self._routine("claim_heartbeat", claim_id(answer), json.dumps(request))

    def beat_all(self, *answers: Json, ttl: Any = None) -> dict[str, str]:
        """Renew several, or all when none is named; return {claim id: status}."""
        ids = [claim_id(answer) for answer in answers] or None
        found = self._routine("claim_heartbeat_all", ids, None if ttl is None else json.dumps(ttl))
        return {one["claimId"]: one["status"] for one in found}

    def release(self, answer: Json) -> bool:
        """Give a claim up."""
        return bool(self._routine("claim_release", claim_id(answer)))

    def release_row(self, row_id: str = "t1", model: str = "tasks") -> bool:
        """Give up whatever is held or waited for on a row."""
        return bool(self._routine("claim_release_row", model, row_id))

    def line(self, row_id: str | None = "t1", model: str | None = "tasks", **filters: Any) -> Json:
        """Return {"claims", "queue"}."""
        return self._routine("claim_list", model, row_id, json.dumps(filters))

    def reorder(self, *answers: Any, row_id: str = "t1") -> None:
        """Put waiters first, in this order."""
        order = [one if isinstance(one, str) else claim_id(one) for one in answers]
        self._routine("claim_reorder", "tasks", row_id, json.dumps(order))

    def break_(self, answer: Json) -> bool:
        """End somebody's claim."""
        return bool(self._routine("claim_break", claim_id(answer)))

    def _routine(self, name: str, *args: object) -> Any:
        places = ", ".join(["%s"] * (len(args) + 2))
        query = f"select ablo.{name}({places})"
        return self.call(query, self.organization, self.participant, *args)


def claimer(board: Board, name: str, kind: str = "agent") -> Claimer:
    """Open a connection that acts as a participant of the board's organization."""
    return Claimer(board.connect(), board.organization, f"{kind}:{name}")


def claim_id(answer: Json) -> str:
    """Return the id of an answer's claim."""
    return str(answer["claim"]["id"])


def status(answer: Json) -> str:
    """Return the status of an answer's claim."""
    return str(answer["claim"]["status"])
