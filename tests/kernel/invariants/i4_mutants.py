"""Broken builds: kernels that break one promise of claims each, and the scenarios that show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..board import Board


@dataclass(frozen=True, slots=True)
class Mutant:
    """Changes (routine, a text of its source, what stands there instead), in their order."""

    caught_by: tuple[str, ...]
    changes: tuple[tuple[str, str, str], ...]

    def install(self, board: Board) -> None:
        for routine, old, new in self.changes:
            source = board.value(f"select pg_get_functiondef('ablo.{routine}'::regproc)")
            assert old in source, f"{routine} has changed: the mutant no longer applies"
            board.admin.execute(source.replace(old, new).encode())


GUARD: Final = (
    "perform ablo.claim_guard("
    "p_organization, p_participant, v_model, v_id, v_operation, v_policy, p_before);"
)
WRITE: Final = "if ablo_model.write(v_model,"
LEASE: Final = "and c.expires_at > clock_timestamp()"
ADVANCE: Final = (
    "v_done := ablo.claim_advance(p_organization, v_claim.model, v_claim.row_id, null);"
)
# The claim that an operation names is looked at once before the write, and once after it.
NO_NAMES: Final = ("claim_named", "begin", "begin return;")

MUTANTS: Final[dict[str, Mutant]] = {
    "a grant does not lock the row": Mutant(
        (
            "a writer in flight",
            "a plain writer in flight",
            "a grant in flight",
            "a creator in flight",
            "a batch meets a grant",
        ),
        (("row_try_lock", "begin", "begin return true;"),),
    ),
    "a missing row is not locked": Mutant(
        ("a creator in flight", "creation under a claim"),
        (("creation_key", "select ", "select (random() * 1e9)::bigint + 0 * "),),
    ),
    "the guard looks before the write": Mutant(
        ("a grant in flight", "a lease that ends while the write waits"),
        (("commit_apply", GUARD, "null;"), ("commit_apply", WRITE, f"{GUARD} {WRITE}")),
    ),
    "the guard does not look at the lease": Mutant(
        ("a write after the lease", "a lease that ends while the write waits"),
        (NO_NAMES, ("claim_guard", LEASE, "")),
    ),
    "the claim is looked at before the write only": Mutant(
        ("a lease that ends while the write waits",),
        (("claim_guard", LEASE, ""),),
    ),
    "nobody is asked before a write": Mutant(
        (
            "a grant in flight",
            "creation under a claim",
            "a batch meets a grant",
            "a write of an ex-holder",
        ),
        (NO_NAMES, ("claim_guard", "begin", "begin return;")),
    ),
    "a lease is ended on what was read of it": Mutant(
        ("a renewal in flight",), (("claim_end", "c.expires_at <= clock_timestamp()", "true"),)
    ),
    "the token is not looked at": Mutant(
        ("a lower token",), (("fence_check", "begin", "begin return;"),)
    ),
    "the newest first": Mutant(
        ("first come, first served",),
        (("claim_advance", "c.status, c.ticket", "c.status, c.ticket desc"),),
    ),
    "two who ask do not see each other": Mutant(
        ("a race for a row known before",),
        (("claim_target_lock", "for update", ""),),
    ),
    "a release grants nobody": Mutant(
        ("a release is the next grant",), (("claim_release", ADVANCE, ""),)
    ),
    "tokens stay": Mutant(
        ("a release is the next grant",),
        (("claim_token", "nextval('ablo.fence_token')", "1"),),
    ),
    "the holder is a stranger to itself": Mutant(
        ("the holder asks again",),
        (("claim_acquire", "o.participant = p_participant", "false"),),
    ),
}
