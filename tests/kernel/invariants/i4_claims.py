"""Participants who claim rows of the board: one connection each, in the words of the kernel."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

import psycopg

from ablo_pg.db.errors import translate
from ablo_pg.errors import AbloError

from ..board import Board, Caller, Door, Json, op

LANDED: Final = "landed"


class Claimant(Caller):
    """A participant with a connection of its own. Rows are tasks."""

    def acquire(self, row: str, **request: Any) -> Json:
        """Ask for a claim: {"claim", "data"?, "stamp"?, "blockedBy"?, "recheckMs"?}."""
        return self._json("claim_acquire", "tasks", row, json.dumps(request))

    def get(self, claim: str, *, renew: bool = False) -> Json:  # type: ignore[override]
        return self._json("claim_get", claim, renew)

    def status(self, claim: str) -> str:
        return str(self.get(claim)["claim"]["status"])

    def heartbeat(self, claim: str) -> Json:
        return self._json("claim_heartbeat", claim)

    def release(self, claim: str) -> bool:
        return bool(self._json("claim_release", claim))

    def line(self, row: str) -> Json:
        """Who holds the row and who waits: {"claims", "queue"}."""
        return self._json("claim_list", "tasks", row)

    def reorder(self, row: str, *claims: str) -> None:
        self._json("claim_reorder", "tasks", row, json.dumps(claims))

    def write(
        self, row: str, claim: Json | None = None, *, door: Door = "commit", **data: Any
    ) -> Json:
        """Update a task; under a claim, its id and fencing token go with it."""
        return self.commit(op("update", "tasks", row, data, **under(claim)), door=door)

    def begin(self) -> None:
        """Leave what comes next uncommitted until `end`."""
        self.conn.execute("begin")

    def end(self, how: str = "commit") -> None:
        self.conn.execute(how.encode())

    def _json(self, routine: str, *arguments: object) -> Any:
        values = (self.organization, self.participant, *arguments)
        marks = ", ".join("%s::jsonb" if is_json(value) else "%s" for value in values)
        return self.call(f"select ablo.{routine}({marks})", *values)


def is_json(value: object) -> bool:
    return isinstance(value, str) and value[:1] in ("{", "[")


def under(claim: Json | None) -> Json:
    """What an operation carries that is done under a claim."""
    return {"claimId": claim["id"], "fenceToken": claim["fenceToken"]} if claim else {}


def claimant(board: Board, name: str) -> Claimant:
    return Claimant(board.connect(), board.organization, f"agent:{name}")


def claimants(board: Board, names: str = "abc") -> list[Claimant]:
    """One participant a letter."""
    return [claimant(board, name) for name in names]


def run_out(board: Board, claim: Json) -> None:
    """Let a lease, or a place in line, be over: nobody waits for a clock."""
    past = "update ablo.claim set expires_at = clock_timestamp() - interval '1 s' where id = %s"
    board.admin.execute(past.encode(), [claim["id"]])


def outcome(work: Callable[[], object] | Future[Any]) -> str:
    """Return `landed`, or the code of the error that came."""
    try:
        work.result(timeout=30) if isinstance(work, Future) else work()
    except AbloError as error:
        return error.code
    except psycopg.Error as error:
        return translate(error).code
    return LANDED
