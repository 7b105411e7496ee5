"""A key that is revoked takes its claims with it; whoever waits is granted."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.db.keys import KeyRecord
from ablo_pg.errors import AbloError

from .board import Board, create
from .claim_calls import Claimer, claimer
from .key_calls import Keys
from .staging import threads, wait_blocked

ACQUIRE = "select ablo.claim_acquire(%s, %s, 'tasks', %s, '{}'::jsonb, null, null, %s)"


@pytest.fixture
def keys(board: Board) -> Keys:
    board.caller().commit(*[create(f"t{n}") for n in range(4)])
    return Keys(board)


def claim(board: Board, key: KeyRecord, row_id: str) -> Any:
    caller = Claimer(board.connect(), board.organization, key.participant)
    return caller.call(ACQUIRE, board.organization, key.participant, row_id, key.id)


def states(board: Board) -> dict[tuple[str, str], str]:
    found = board.connect_admin().execute(
        "select row_id, participant, status from ablo.claim where organization_id = %s",
        (board.organization,),
    )
    return {(row, who): status for row, who, status in found.fetchall()}


def test_claims_and_waits_end_with_the_key_and_the_next_is_granted(
    board: Board, keys: Keys
) -> None:
    ends, stays = keys.create("agent:a"), keys.create("agent:b")
    for row in ("t0", "t1"):
        claim(board, ends, row)
        claim(board, stays, row)
    claim(board, stays, "t2")
    claim(board, ends, "t2")
    keys.revoke(ends)
    assert states(board) == {
        ("t0", "agent:a"): "canceled",
        ("t1", "agent:a"): "canceled",
        ("t2", "agent:a"): "canceled",
        ("t0", "agent:b"): "active",
        ("t1", "agent:b"): "active",
        ("t2", "agent:b"): "active",
    }


def test_what_minted_keys_hold_ends_with_their_parent(board: Board, keys: Keys) -> None:
    parent = keys.create("agent:a")
    minted = keys.mint(keys.mint(parent))
    claim(board, minted, "t0")
    keys.revoke(parent)
    assert set(states(board).values()) == {"canceled"}


def test_a_claim_goes_over_to_the_key_that_asks_for_it_again(board: Board, keys: Keys) -> None:
    first, second = keys.create("agent:a"), keys.create("agent:a")
    claim(board, first, "t0")
    claim(board, second, "t0")
    keys.revoke(first)
    assert set(states(board).values()) == {"active"}
    keys.revoke(second)
    assert set(states(board).values()) == {"canceled"}


def test_claims_made_without_a_key_stay(board: Board, keys: Keys) -> None:
    key = keys.create("agent:a")
    claimer(board, "a").acquire("t0")
    claim(board, key, "t1")
    keys.revoke(key)
    assert states(board) == {("t0", "agent:a"): "active", ("t1", "agent:a"): "canceled"}


def test_a_revoked_key_makes_no_claim(board: Board, keys: Keys) -> None:
    key = keys.create("agent:a")
    keys.revoke(key)
    with pytest.raises(AbloError, match="revoked"):
        claim(board, key, "t0")


def test_a_claim_in_flight_when_its_key_is_revoked(board: Board, keys: Keys) -> None:
    key = keys.create("agent:a")
    admin = board.connect_admin()
    holder = board.connect()
    with threads() as start:
        with holder.transaction():
            holder.execute(ACQUIRE, (board.organization, key.participant, "t0", key.id))
            revoking = start(keys.revoke, key)
            wait_blocked(admin, keys.pid, holder.info.backend_pid)
        revoking.result()
    assert set(states(board).values()) == {"canceled"}


def test_a_kernel_that_does_not_hold_the_key_is_caught(own_board: Board) -> None:
    """The mutant: an acquire in flight is missed by the revocation."""
    board, keys = own_board, Keys(own_board)
    board.caller().commit(create("t0"))
    key = keys.create("agent:a")
    admin = board.connect_admin()
    found = admin.execute("select pg_get_functiondef('ablo.claim_acquire'::regproc)").fetchone()
    assert found is not None
    assert "for share" in found[0]
    admin.execute(found[0].replace("for share", "").encode())
    holder = board.connect()
    with holder.transaction():
        holder.execute(ACQUIRE, (board.organization, key.participant, "t0", key.id))
        keys.revoke(key)
    assert set(states(board).values()) == {"active"}
