"""Deliberately broken kernels: one routine of a test's own database, changed in one place.

Each must be caught by what watches over the promise that it breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` becomes `new` in the source of `routine`."""

    routine: str
    old: str
    new: str
    rows: int = 1  # that eight agents fight over

    def install(self, conn: psycopg.Connection[Any]) -> None:
        """Replace the routine in the connection's database."""
        found = conn.execute(
            "select pg_get_functiondef(%s::regproc)", [f"ablo.{self.routine}"]
        ).fetchone()
        assert found is not None
        broken = found[0].replace(self.old, self.new)
        assert broken != found[0], f"{self.routine} has changed: the mutant no longer applies"
        conn.execute(broken.encode())


ENDED: Final = "v_claim.expires_at <= clock_timestamp()"

# name -> the broken kernel, and the check of the oracle that says so
FIGHT: Final[dict[str, tuple[Mutant, str]]] = {
    "two grants of a row do not see each other": (
        Mutant("claim_target_lock", "for update", "", rows=4),
        "holders_overlap",
    ),
    "any claim is granted": (
        Mutant("claim_advance", "b.participant <> v_claim.participant and", "false and"),
        "holders_overlap",
    ),
    "leases end early": (
        Mutant("claim_advance", ENDED, "v_claim.expires_at <= clock_timestamp() + '0.2 s'"),
        "cut_short",
    ),
    "the newest first": (
        Mutant("claim_advance", "order by c.status, c.ticket", "order by c.status, c.ticket desc"),
        "lines_jumped",
    ),
    "tokens do not rise": (
        Mutant("claim_grant", "nextval('ablo.fence_token')", "1"),
        "tokens_fell",
    ),
    "nobody is asked before a write": (
        Mutant("claim_guard", "begin", "begin return;"),
        "intruders",
    ),
    "the lease is not looked at before a write": (
        Mutant("claim_guard", "and c.expires_at > clock_timestamp()", "", rows=16),
        "late_writes",
    ),
}
