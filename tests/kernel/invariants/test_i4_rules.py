"""I4: what covers what, who may write what, how the line moves, and when a claim is over."""

from __future__ import annotations

import pytest

from ..board import Board, Json, create, op, update
from .i4_claims import LANDED, Claimant, claimant, claimants, outcome, run_out


@pytest.fixture
def trio(board: Board) -> list[Claimant]:
    """Three participants and the task t."""
    made = claimants(board)
    made[0].commit(create("t"))
    return made


@pytest.mark.parametrize(
    ("held", "asked", "together"),
    [
        (["title"], ["count"], True),
        (["title", "count"], ["Status"], True),
        (["title"], ["title"], False),
        (["title", "count"], ["COUNT", "status"], False),
        (["title"], None, False),
        (None, ["title"], False),
        (None, None, False),
    ],
)
def test_disjoint_fields_coexist_and_a_whole_row_conflicts_with_all(
    trio: list[Claimant], held: list[str] | None, asked: list[str] | None, together: bool
) -> None:
    a, b, _ = trio
    assert a.acquire("t", fields=held)["claim"]["status"] == "active"
    assert b.acquire("t", fields=asked)["claim"]["status"] == ("active" if together else "queued")


def test_a_disjoint_waiter_passes_and_an_overlapping_one_does_not(trio: list[Claimant]) -> None:
    """The line of a row is one line, but nobody waits for a part that nobody ahead wants."""
    a, b, c = trio
    a.acquire("t", fields=["title"])
    b.acquire("t", fields=["title", "count"])
    assert c.acquire("t", fields=["status"])["claim"]["status"] == "active"
    assert c.acquire("t", fields=["Count"])["claim"]["status"] == "queued"
    assert [claim["heldBy"] for claim in a.line("t")["queue"]] == ["agent:b", "agent:c"]


def test_a_later_grant_beside_it_does_not_make_a_token_stale(trio: list[Claimant]) -> None:
    a, b, _ = trio
    one = a.acquire("t", fields=["title"])["claim"]
    two = b.acquire("t", fields=["count"])["claim"]
    assert one["fenceToken"] < two["fenceToken"]
    assert outcome(lambda: a.write("t", one, title="mine")) == LANDED
    assert outcome(lambda: b.write("t", two, count=1)) == LANDED


def test_a_batch_refuses_one_commit_and_lands_the_others(trio: list[Claimant]) -> None:
    a, b, _ = trio
    a.commit(create("u"))
    a.acquire("t")
    items: list[Json] = [{"request": {"operations": [update(row, count=1)]}} for row in "tu"]
    assert [error and error.code for _, error in b.batch(items)] == ["entity_claimed", None]


@pytest.mark.parametrize("end", ["break", "delete"])
def test_a_write_under_a_claim_that_is_over_is_refused(
    board: Board, trio: list[Claimant], end: str
) -> None:
    """Broken, or of a row that was deleted and made again; test_claims_guard has the other ends."""
    a, _, _ = trio
    claim = a.acquire("t")["claim"]
    if end == "break":
        user = Claimant(board.connect(), board.organization, "user:u")
        user.call("select ablo.claim_break(%s, 'user:u', %s)", board.organization, claim["id"])
    else:
        board.run("delete from tasks where organization_id = '{org}' and id = 't'")
        board.run("insert into tasks (organization_id, id, title, status, count)"
                  " values ('{org}', 't', 'New', 'todo', 0)")  # fmt: skip
    assert outcome(lambda: a.write("t", claim, count=1)) == "claim_lost"


def test_a_claim_ends_when_its_row_is_deleted(board: Board, trio: list[Claimant]) -> None:
    """Even by its holder; the next in line then has the missing row."""
    a, b, c = trio
    one = a.acquire("t")["claim"]
    two = b.acquire("t")["claim"]
    a.commit(op("delete", "tasks", "t"))
    answer = b.get(two["id"], renew=True)
    assert (answer["claim"]["status"], answer["data"]) == ("active", None)
    assert a.status(one["id"]) == "canceled"
    assert outcome(lambda: c.commit(create("t"))) == "entity_claimed"


def test_a_row_that_goes_with_its_parent_takes_its_claim_along(trio: list[Claimant]) -> None:
    """A claim covers its row, not what the row belongs to."""
    a, b, _ = trio
    a.commit(op("create", "projects", "p", {"name": "p"}), create("u", projectId="p"))
    claim = a.acquire("u")["claim"]
    assert outcome(lambda: b.commit(op("delete", "projects", "p"))) == LANDED
    assert outcome(lambda: a.write("u", claim, count=1)) == "entity_not_found"
    b.commit(create("u"))
    assert outcome(lambda: a.write("u", claim, count=1)) == "claim_lost"


def test_the_holder_deletes_and_creates_in_one_commit(trio: list[Claimant]) -> None:
    a, _, _ = trio
    a.acquire("t")
    assert outcome(lambda: a.commit(op("delete", "tasks", "t"), create("t", count=5))) == LANDED


def test_a_dead_waiter_is_passed(board: Board, trio: list[Claimant]) -> None:
    a, b, c = trio
    held, dead, alive = (one.acquire("t")["claim"] for one in (a, b, c))
    run_out(board, dead)
    a.release(held["id"])
    assert (b.status(dead["id"]), c.status(alive["id"])) == ("expired", "active")


def test_a_waiter_that_ran_out_behind_others_is_told_so(board: Board, trio: list[Claimant]) -> None:
    """The line is advanced no further than to where somebody can be granted."""
    a, b, c = trio
    a.acquire("t")
    b.acquire("t")
    late = c.acquire("t")["claim"]
    run_out(board, late)
    assert c.get(late["id"], renew=True)["claim"]["status"] == "expired"
    assert c.acquire("t")["claim"]["id"] != late["id"]


def test_a_claim_does_not_reach_another_organization(board: Board, trio: list[Claimant]) -> None:
    """The same id elsewhere is another row; its claims are not there for anybody else."""
    a, b, _ = trio
    claim = a.acquire("t")["claim"]
    stranger = claimant(board, "b")
    stranger.organization = f"{board.organization}-other"
    stranger.commit(create("t"))
    assert stranger.acquire("t")["claim"]["status"] == "active"
    assert outcome(lambda: stranger.get(claim["id"])) == "claim_not_found"
    assert outcome(lambda: stranger.write("t", claim, count=1)) == "claim_lost"
    assert [one["heldBy"] for one in b.line("t")["claims"]] == ["agent:a"]


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_claims_are_made_at_read_committed_only(trio: list[Claimant], level: str) -> None:
    """An old snapshot would not show those who came to the line since."""
    a, _, _ = trio
    a.conn.execute(f"begin isolation level {level}".encode())
    assert outcome(lambda: a.acquire("t")) == "isolation_level_unsupported"
