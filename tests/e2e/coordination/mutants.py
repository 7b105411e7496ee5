"""Deliberately broken kernels: one routine of a test's own database, changed in one place.

Each must be caught by what watches over the promise that it breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import psycopg


@dataclass(frozen=True, slots=True)
class Mutant:
    """Changes (routine, a text of its source, what stands there instead), in their order.

    caught_by: a check of the oracle. What shows it: eight agents that fight over so many rows, and
    so many sections of 100 that outlast their lease.
    """

    caught_by: str
    changes: tuple[tuple[str, str, str], ...]
    rows: int = 1
    naps: int = 20

    def install(self, conn: psycopg.Connection[Any]) -> None:
        """Replace the routines in the connection's database."""
        for routine, old, new in self.changes:
            found = conn.execute(
                "select pg_get_functiondef(%s::regproc)", [f"ablo.{routine}"]
            ).fetchone()
            assert found is not None
            assert old in found[0], f"{routine} has changed: the mutant no longer applies"
            conn.execute(found[0].replace(old, new).encode())


ENDED: Final = "v_claim.expires_at <= clock_timestamp()"
LEASE: Final = "and c.expires_at > clock_timestamp()"
IN_LINE: Final = "c.status, c.ticket"
# The claim that a write names is looked at once before the write, and once after it.
NO_NAMES: Final = ("claim_named", "begin", "begin return;")

FIGHT: Final[dict[str, Mutant]] = {
    "two who ask do not see each other": Mutant(
        "holders_overlap", (("claim_target_lock", "for update", ""),), rows=4, naps=0
    ),
    "any claim is granted": Mutant(
        "holders_overlap",
        (
            ("claim_advance", "exit when v_whole <> v_claim.participant;", ""),
            ("claim_advance", "v_holders <> '{}' and", "false and"),
        ),
    ),
    "leases end early": Mutant(
        "cut_short",
        (
            ("claim_advance", ENDED, f"{ENDED} + interval '0.2 s'"),
            ("claim_end", "c.expires_at <= clock_timestamp()", "true"),
        ),
    ),
    "the newest first": Mutant("lines_jumped", (("claim_advance", IN_LINE, f"{IN_LINE} desc"),)),
    "tokens do not rise": Mutant(
        "tokens_fell", (("claim_token", "nextval('ablo.fence_token')", "1"),)
    ),
    "nobody is asked before a write": Mutant(
        "intruders", (NO_NAMES, ("claim_guard", "begin", "begin return;"))
    ),
    "the lease is not looked at before a write": Mutant(
        "late_writes",
        (("claim_named", LEASE, ""), ("claim_guard", LEASE, "")),
        rows=16,
    ),
}

NO_EXPIRY: Final = Mutant("", (("claim_advance", ENDED, "false"),))

APPENDS: Final[dict[str, Mutant]] = {
    "nobody is asked before a write": FIGHT["nobody is asked before a write"],
    "premises are not judged": Mutant(
        "unlisted", (("premise_check", "begin", "begin return null;"),)
    ),
}

# What a trigger does that looks claims up like any other row: it sees the writer's old snapshot.
NAIVE: Final = "current_setting('transaction_isolation') in ('repeatable read', 'serializable')"

BINDING: Final[dict[str, Mutant]] = {
    "the trigger looks claims up with a plain select": Mutant(
        "intruders", (("claim_bind", NAIVE, "false"),)
    ),
    "only claims that are there are locked": Mutant(
        "intruders",
        (
            (
                "claim_holders_now",
                "insert into ablo.claim_target (organization_id, model, row_id) "
                "values (p_organization, p_model, p_row_id)\n  on conflict do nothing;",
                "perform from ablo.claim_target where false;",
            ),
        ),
    ),
    "claims do not bind plain SQL": Mutant(
        "intruders", (("claim_bind", "begin", "begin return;"),)
    ),
}

WRITTEN: Final = "w.entered_groups\n      from w"

# Of the set-wise path, under a mixed load. caught_by: what its oracle says.
MIXED: Final[dict[str, Mutant]] = {
    "a set-wise write loses a delta": Mutant(
        "is not in the log", (("batch_write", WRITTEN, f"{WRITTEN} where w.ord <> 7"),)
    ),
    "claims are not looked at again": Mutant(
        "intruders", (("batch_write", "c.status = 'active'", "false"),)
    ),
}
