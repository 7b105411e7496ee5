"""Revocation follows lineage: what was minted or rotated from a key ends with its revocation."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from .board import Board
from .key_calls import Keys, code_of
from .staging import threads, wait_blocked


@pytest.fixture
def keys(board: Board) -> Keys:
    return Keys(board)


@pytest.mark.parametrize("prefix", ["sk", "rk", "ek", "pk", "sk_test"])
def test_revoking_the_original_ends_what_a_thief_rotated(keys: Keys, prefix: Any) -> None:
    """A thief renews a stolen key, with the longest grace; the owner revokes the stolen one."""
    stolen = keys.create("user:x", prefix)
    if prefix in ("ek", "pk"):
        assert code_of(keys.rotate, stolen, by=stolen, graceSeconds=2_592_000) == "forbidden"
        renewed = keys.rotate(stolen, graceSeconds=2_592_000)
    else:
        renewed = keys.rotate(stolen, by=stolen, graceSeconds=2_592_000)
    assert keys.revoke(stolen) == {stolen.id, renewed.id}
    assert keys.find(renewed).status == "revoked"


def test_however_far_down_and_whatever_ended_in_between(keys: Keys) -> None:
    first = keys.create()
    second = keys.rotate(first, by=first)
    minted = keys.mint(second)
    third = keys.rotate(second, by=second)
    renewed = keys.rotate(minted, by=minted)
    grandchild = keys.mint(renewed)
    keys.expire(second)
    keys.expire(minted)
    ended = keys.revoke(first)
    assert ended == {one.id for one in (first, second, minted, third, renewed, grandchild)}
    assert {keys.find(one).status for one in (third, renewed, grandchild)} == {"revoked"}


MUTANTS = {
    "rotations are not followed": ("or k.rotated_from = any (v_level)", ""),
    "what has ended is not looked behind": (
        "and k.id <> all (v_seen)",
        "and k.id <> all (v_seen) and coalesce(k.expires_at > clock_timestamp(), true)",
    ),
    "rotation is part of the grace": ("k.parent_id = any (v_level) and k.expires", "k.expires"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_checks_catch_mutants(own_board: Board, name: str) -> None:
    source = own_board.value("select pg_get_functiondef('ablo.key_end'::regproc)")
    sound, broken = MUTANTS[name]
    assert sound in source
    own_board.run(source.replace(sound, broken))
    with pytest.raises(AssertionError):
        lineage_holds(Keys(own_board))


def lineage_holds(keys: Keys) -> None:
    test_however_far_down_and_whatever_ended_in_between(keys)
    test_a_new_key_survives_the_end_of_the_one_it_replaced(keys)


def test_a_new_key_survives_the_end_of_the_one_it_replaced(keys: Keys) -> None:
    """An owner's ordinary rotation: the old one ends after its grace, the new one does not."""
    old = keys.create(ttlSeconds=600)
    child = keys.mint(old)
    new = keys.rotate(old, graceSeconds=0)
    assert [keys.find(one).status for one in (old, child, new)] == ["expired", "expired", "live"]
    again = keys.rotate(new, graceSeconds=60)
    keys.expire(new)
    assert keys.find(again).status == "live"
    assert code_of(keys.mint, again) is None


def test_a_newer_key_ends_without_the_older_one(keys: Keys) -> None:
    old = keys.create()
    new = keys.rotate(old, by=old)
    assert keys.revoke(new) == {new.id}
    assert keys.find(old).status == "live"


def test_forgetting_a_key_keeps_the_line(board: Board, keys: Keys) -> None:
    """What lies between a revoked key and its newest successor is swept after a month."""
    first = keys.create()
    line = [first]
    for _ in range(3):
        line.append(keys.rotate(line[-1], by=line[-1], graceSeconds=0))
    for swept in line[1:3]:
        keys.expire(swept, 31 * 86400)
    board.value("select ablo.key_sweep(100)")
    left = "select count(*) from ablo.api_key where id = any (array[{}])"
    ids = ", ".join(f"'{one.id}'" for one in line[1:3])
    assert board.value(left.format(ids)) == 0
    assert keys.revoke(first) == {first.id, line[3].id}


def test_a_rotation_in_flight_does_not_outlive_the_revocation(board: Board, keys: Keys) -> None:
    stolen = keys.create()
    other = Keys(board)
    with threads(1) as start:
        with keys.conn.transaction():
            renewed = keys.rotate(stolen, by=stolen)
            ended = start(other.revoke, stolen)
            wait_blocked(board.admin, other.pid, keys.pid)
        assert ended.result() == {stolen.id, renewed.id}
    assert keys.find(renewed).status == "revoked"


def test_a_line_of_rotations_and_a_chain_of_mints_have_an_end(keys: Keys) -> None:
    key = keys.create()
    for _ in range(99):
        key = keys.rotate(key, by=key, graceSeconds=2_592_000)
    assert code_of(keys.rotate, key, by=key) == "quota_exceeded"
    child = keys.mint(keys.create(), ttlSeconds=600)
    for _ in range(14):
        child = keys.mint(child)
    assert code_of(keys.mint, child) == "quota_exceeded"


@pytest.mark.parametrize("prefix", ["ek", "pk"])
def test_sessions_and_publishable_keys_manage_nothing(keys: Keys, prefix: Any) -> None:
    root = keys.create()
    own = keys.create("user:x", prefix)
    minted = keys.mint(root, prefix=prefix, operations=["tasks.read"])
    for by in (own, minted):
        for target in (own, minted, root):
            for call in (keys.rotate, keys.revoke):
                assert code_of(call, target, by=by) == "forbidden"
        assert code_of(keys.mint, by) == "forbidden"
    assert {keys.find(one).status for one in (own, minted, root)} == {"live"}


def test_an_id_opens_nothing(keys: Keys) -> None:
    """Ids stand in the log and in lists: who reads one has not been shown the key."""
    root, other = keys.create(), keys.create()
    for shown in (root.id, root.display):
        mint, revoke = "select ablo.key_mint(%s, %s, %s)", "select ablo.key_revoke(%s, %s, %s)"
        body = keys._body("rk_" + "x" * 36, {"wideScope": True})
        with pytest.raises(psycopg.Error, match="no such key"):
            keys.conn.execute(mint, (keys.organization, shown, body))
        with pytest.raises(psycopg.Error, match="no such key"):
            keys.conn.execute(revoke, (keys.organization, other.id, shown))


def test_a_refusal_names_no_key(keys: Keys) -> None:
    narrow = keys.mint(keys.create(), operations=["tasks.read"])
    far = keys.create()
    for call, named in (
        (keys.mint, {"operations": ["tasks.update"]}),
        (keys.mint, {"scopes": ["schema:push"]}),
        (keys.mint, {"participantId": "someone"}),
        (keys.mint, {"prefix": "ek"}),
        (keys.revoke, {"by": narrow}),
    ):
        target = far if call == keys.revoke else narrow
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call(target, **named)
        text = f"{caught.value} {getattr(caught.value, 'details', '')}"
        assert "key_" not in text
        assert "cap_" not in text


def test_a_credential_that_renews_itself_stays_who_it_is(keys: Keys) -> None:
    """Two clients of one secret key are two; each stays the one that it was."""
    root = keys.create("system:server")
    first, second = keys.mint(root), keys.mint(root)
    assert len({one.participant for one in (root, first, second)}) == 3
    again = keys.mint(first, participantKind="system", ttlSeconds=60)
    assert again.participant == first.participant
    assert keys.mint(again).participant == first.participant
    assert keys.mint(first, participantKind="agent").participant != first.participant


def test_the_control_login_makes_keys_and_the_runtime_login_no_longer(own_board: Board) -> None:
    keys = Keys(own_board)
    root = keys.create()
    own_board.run(
        "do $$ begin if to_regrole('ablo_control') is null then"
        " create role ablo_control; end if; end $$"
    )
    own_board.run("select ablo.control_separate()")
    for query in (
        "select ablo.key_create('acme', 'user:x', '{}')",
        "select ablo.key_list('acme')",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            keys.conn.execute(query)
    assert code_of(keys.revoke, root) == "forbidden"
    assert code_of(keys.rotate, root) == "forbidden"
    child = keys.mint(root)
    assert keys.revoke(child, by=root) == {child.id}
    assert own_board.value("select ablo.control_separated()") is True
