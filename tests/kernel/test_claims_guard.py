"""Who may write a claimed row: through both doors, and what the log and the premises make of it."""

from __future__ import annotations

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Door, create, op, update
from .claim_calls import Claimer, claim_id, claimer

DOORS: tuple[Door, ...] = ("commit", "batch")


@pytest.fixture
def pair(board: Board) -> tuple[Claimer, Claimer]:
    """Two agents and a task."""
    board.caller(participant="user:ann").commit(
        create("t1"), op("create", "notes", "n1", {"text": ""})
    )
    return claimer(board, "a"), claimer(board, "b")


def code_of(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(AbloError) as caught:
        call(*args, **kwargs)  # type: ignore[operator]
    return caught.value.code


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("action", ["update", "delete", "archive", "unarchive"])
def test_nobody_else_writes_a_claimed_row(
    board: Board, pair: tuple[Claimer, Claimer], door: Door, action: str
) -> None:
    a, b = pair
    held = a.acquire(description="tidy")
    before = board.traces()
    operation = op(action, "tasks", "t1", {"title": "b"} if action == "update" else None)
    with pytest.raises(AbloError) as caught:
        b.commit(create("other"), operation, door=door)
    error = caught.value
    assert (error.code, error.model, error.row_id) == ("entity_claimed", "tasks", "t1")
    assert error.details["heldBy"] == "agent:a"
    assert error.details["claims"][0]["expiresAt"] > 0
    assert "agent:a (tidy) until" in str(error)
    assert board.traces() == before
    a.commit(operation | {"claimId": claim_id(held)}, door=door)


@pytest.mark.parametrize("door", DOORS)
def test_the_log_says_under_which_claim_a_row_was_written(
    board: Board, pair: tuple[Claimer, Claimer], door: Door
) -> None:
    a, _ = pair
    held = a.acquire()
    a.commit(update("t1", title="named") | {"claimId": claim_id(held)}, door=door)
    a.commit(update("t1", title="unnamed"), create("free"))
    a.release(held)
    a.commit(update("t1", title="after"), door=door)
    rows = board.rows(
        "select row_id, claim_id from ablo.delta where organization_id = '{org}'"
        " and actor = 'agent:a' order by sync_id"
    )
    named = claim_id(held)
    assert rows == [("t1", named), ("t1", named), ("free", None), ("t1", None)]


@pytest.mark.parametrize("door", DOORS)
def test_the_holders_own_writes_do_not_make_it_stale(
    pair: tuple[Claimer, Claimer], door: Door
) -> None:
    a, _ = pair
    held = a.acquire()
    read_at = held["claim"]["readAt"]
    for title in ("one", "two"):
        write = update("t1", read_at=read_at, title=title)
        a.commit(write | {"claimId": claim_id(held)}, door=door)
    a.release(held)
    assert code_of(a.commit, update("t1", read_at=read_at, title="x"), door=door) == "stale_context"


@pytest.mark.parametrize("door", DOORS)
def test_what_was_written_before_the_grant_still_makes_it_stale(
    pair: tuple[Claimer, Claimer], door: Door
) -> None:
    a, _ = pair
    old = a.stamp("t1")
    a.commit(update("t1", title="mine"), door=door)
    write = update("t1", read_at=old, title="x") | {"claimId": claim_id(a.acquire())}
    assert code_of(a.commit, write, door=door) == "stale_context"


@pytest.mark.parametrize("door", DOORS)
def test_plain_sql_writes_through_and_the_holder_goes_stale(
    board: Board, pair: tuple[Claimer, Claimer], door: Door
) -> None:
    a, _ = pair
    held = a.acquire()
    board.run("update tasks set title = 'psql' where organization_id = '{org}'")
    read_at = held["claim"]["readAt"]
    write = update("t1", read_at=read_at, title="x") | {"claimId": claim_id(held)}
    assert code_of(a.commit, write, door=door) == "stale_context"


@pytest.mark.parametrize("door", DOORS)
def test_a_token_below_the_mark_is_refused(pair: tuple[Claimer, Claimer], door: Door) -> None:
    a, b = pair
    first, waiting = a.acquire(), b.acquire()
    a.release(first)
    second = b.look(waiting)["claim"]["fenceToken"]
    b.release(waiting)
    old = update("t1", title="x") | {"fenceToken": first["claim"]["fenceToken"]}
    assert code_of(a.commit, old, door=door) == "fence_token_stale"
    b.commit(update("t1", title="y") | {"fenceToken": second}, door=door)
    bad = update("t1", title="x") | {"fenceToken": "7"}
    assert code_of(b.commit, bad, door=door) == "invalid_request"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("end", ["release", "expire", "other row", "other participant"])
def test_a_claim_that_is_not_live_is_lost(
    board: Board, pair: tuple[Claimer, Claimer], door: Door, end: str
) -> None:
    a, b = pair
    held = a.acquire("t2") if end == "other row" else a.acquire()
    writer = b if end == "other participant" else a
    if end == "release":
        a.release(held)
    elif end == "expire":
        board.run("update ablo.claim set expires_at = now() where organization_id = '{org}'")
    write = update("t1", title="x") | {"claimId": claim_id(held)}
    assert code_of(writer.commit, write, door=door) == "claim_lost"


@pytest.mark.parametrize("door", DOORS)
def test_a_field_claim_keeps_others_out_of_its_fields_only(
    pair: tuple[Claimer, Claimer], door: Door
) -> None:
    a, b = pair
    a.acquire(fields=["TITLE"])
    b.commit(update("t1", status="done"), door=door)
    mixed = update("t1", title="x", status="todo")
    assert code_of(b.commit, mixed, door=door) == "entity_claimed"
    assert code_of(b.commit, op("delete", "tasks", "t1"), door=door) == "entity_claimed"


@pytest.mark.parametrize("door", DOORS)
def test_a_models_policy_lets_a_kind_through_or_holds_it_back(
    board: Board, pair: tuple[Claimer, Claimer], door: Door
) -> None:
    """Notes: users overwrite, agents are notified, others are refused."""
    a, b = pair
    a.acquire("n1", "notes")
    write = op("update", "notes", "n1", {"text": "seen"})
    receipt = b.commit(write, update("t1", title="b"), door=door)
    (note,) = receipt["notifications"]
    assert (note["writtenBy"], note["currentValues"]["text"]) == ({"kind": "agent", "id": "a"}, "")
    assert receipt["ops"] == 1
    assert code_of(claimer(board, "x", "system").commit, write, door=door) == "entity_claimed"
    claimer(board, "ann", "user").commit(write, door=door)
    assert b.get("notes", "n1")["row"]["text"] == "seen"


def test_a_batch_sends_a_commit_under_an_unnamed_claim_alone(
    board: Board, pair: tuple[Claimer, Claimer]
) -> None:
    a, _ = pair
    a.acquire()
    before = board.traces()
    assert code_of(a.commit, update("t1", title="x"), door="batch") == "lock_timeout"
    assert board.traces() == before


def test_who_cannot_be_granted_yet_is_not_in_the_way(pair: tuple[Claimer, Claimer]) -> None:
    a, b = pair
    held = a.acquire()
    b.acquire()
    a.commit(update("t1", title="x") | {"claimId": claim_id(held)})


def test_a_row_made_anew_after_its_end_is_free(pair: tuple[Claimer, Claimer]) -> None:
    a, b = pair
    held = a.acquire()
    a.commit(op("delete", "tasks", "t1"))
    b.commit(create("t1"), update("t1", title="b"))
    write = update("t1", title="x") | {"claimId": claim_id(held)}
    assert code_of(a.commit, write) == "claim_lost"
