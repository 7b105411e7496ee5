"""A minted key never exceeds its parent, and only those end or renew keys who may."""

from __future__ import annotations

from typing import Any

import pytest

from ablo_pg.db.keys import KeyRecord
from ablo_pg.errors import AbloError

from .board import Board
from .key_calls import Keys, code_of
from .staging import threads, wait_blocked


@pytest.fixture
def keys(board: Board) -> Keys:
    return Keys(board)


def test_a_swap_is_somebody_new_each_time(keys: Keys) -> None:
    """Two clients that share a key must exclude and see one another."""
    parent = keys.create("agent:a")
    how = {"participantKind": "system", "wideScope": True, "ttlSeconds": 3600}
    first, second = keys.mint(parent, **how), keys.mint(parent, **how)
    assert len({parent.participant, first.participant, second.participant}) == 3
    for made in (first, second):
        assert (made.prefix, made.parent_id) == ("rk", parent.id)
        assert made.participant.startswith("system:")
        assert (made.operations, made.sync_groups, made.scopes) == (None, None, frozenset())
        assert made.expires_at is not None
        assert 3590 < made.expires_at - made.now <= 3600


def test_a_swap_of_a_narrow_key_gets_what_that_may(keys: Keys) -> None:
    parent = keys.create(operations=["tasks.read"], syncGroups=["project:p1"], ttlSeconds=60)
    made = keys.mint(parent, wideScope=True, ttlSeconds=3600)
    assert (made.operations, made.sync_groups) == ({"tasks.read"}, {"project:p1"})
    assert made.expires_at == parent.expires_at


def test_a_client_may_be_ahead_of_the_pushed_schema(keys: Keys) -> None:
    made = keys.mint(keys.create(), operations=["Later.update", "TASKS.read"])
    assert made.operations == {"later.update", "tasks.read"}
    assert code_of(keys.create, operations=["later.update"]) == "server_execute_unknown_model"
    narrow = keys.create(operations=["tasks.read"])
    assert code_of(keys.mint, narrow, operations=["later.read"]) == "capability_scope_denied"


def test_a_session_is_of_the_user_named(keys: Keys) -> None:
    how = {
        "prefix": "ek",
        "participantId": "ann",
        "operations": ["tasks.read"],
        "userMeta": {"n": 1},
    }
    made = keys.mint(keys.create(), **how, participantKind="human")
    assert (made.prefix, made.participant, made.user_meta) == ("ek", "user:ann", {"n": 1})
    assert keys.mint(keys.create(), **how).participant == "user:ann"


NARROW: dict[str, Any] = {
    "operations": ["tasks.read", "tasks.update"],
    "syncGroups": ["project:p1"],
}


@pytest.mark.parametrize(
    ("code", "field", "request_"),
    [
        ("capability_scope_denied", "operations", {"operations": ["tasks.delete"]}),
        ("capability_scope_denied", "operations", {"operations": ["*.read"]}),
        ("capability_scope_denied", "operations", {"operations": ["projects.read"]}),
        ("capability_scope_denied", "syncGroups", {"syncGroups": ["project:p2"]}),
        ("capability_scope_denied", "syncGroups", {"syncGroups": ["project:p1", "project:p2"]}),
        ("capability_scope_denied", "syncGroups", {"syncGroups": ["default"]}),
        ("capability_scope_denied", "syncGroups", {"syncGroups": ["org:other"]}),
        ("capability_scope_denied", "scopes", {"scopes": ["schema:push"]}),
        ("organization_mismatch", "organizationId", {"organizationId": "other"}),
        ("narrow_scope_required", "operations", {"wideScope": False}),
        ("invalid_request", "prefix", {"prefix": "sk"}),
        ("invalid_request", "prefix", {"prefix": "mk"}),
        ("forbidden", None, {"prefix": "ek"}),
        ("forbidden", None, {"prefix": "pk"}),
        ("capability_scope_denied", "participantKind", {"participantKind": "system"}),
        ("capability_scope_denied", "participantKind", {"participantKind": "user"}),
        ("capability_scope_denied", "participantId", {"participantId": "b"}),
        ("invalid_participant_kind", "participantKind", {"participantKind": "robot"}),
        ("duration_invalid", "ttlSeconds", {"ttlSeconds": -1}),
    ],
)
def test_a_restricted_key_cannot_mint_more(
    keys: Keys, code: str, field: str | None, request_: Any
) -> None:
    parent = keys.create("agent:a", "rk", **NARROW)
    with pytest.raises(AbloError) as caught:
        keys.mint(parent, **request_)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.remedy


def test_a_restricted_key_mints_itself_or_new_agents(keys: Keys) -> None:
    parent = keys.create("user:ann", "rk")
    assert keys.mint(parent, participantId="ann").participant == "user:ann"
    assert keys.mint(parent, participantKind="agent").participant.startswith("agent:")
    assert keys.mint(parent).participant == "user:ann"
    assert code_of(keys.mint, parent, participantKind="agent", participantId="ann") == (
        "capability_scope_denied"
    )


@pytest.mark.parametrize("prefix", ["ek", "pk"])
def test_sessions_and_publishable_keys_mint_nothing(keys: Keys, prefix: Any) -> None:
    assert code_of(keys.mint, keys.create("user:ann", prefix)) == "forbidden"


def test_scopes_pass_on_only_where_they_are(keys: Keys) -> None:
    full, pusher = keys.create(), keys.create(scopes=["schema:push"])
    assert keys.mint(full, scopes=["schema:push"]).scopes == {"schema:push"}
    assert keys.mint(pusher, scopes=["schema:push"]).scopes == {"schema:push"}
    assert code_of(keys.mint, pusher, scopes=["branch:manage"]) == "capability_scope_denied"
    foreign = {"scopes": ["ephemeral:mint-any-org"]}
    assert code_of(keys.mint, full, **foreign) == "capability_scope_denied"


def test_only_a_scope_of_its_own_reaches_another_organization(keys: Keys) -> None:
    asked = {"prefix": "ek", "participantId": "ann", "organizationId": "elsewhere"}
    assert code_of(keys.mint, keys.create(), **asked) == "organization_mismatch"
    parent = keys.create(scopes=["ephemeral:mint-any-org"])
    made = keys.mint(parent, **asked)
    assert (made.organization_id, made.participant) == ("elsewhere", "user:ann")
    assert code_of(keys.mint, parent, **asked | {"prefix": "rk"}) == "organization_mismatch"
    assert made.id in keys.revoke(parent), "and it ends with its parent"
    assert keys.find(made).status == "revoked"


@pytest.mark.parametrize(
    ("end", "code"), [("revoke", "apikey_revoked"), ("expire", "apikey_expired")]
)
def test_an_ended_key_mints_and_renews_nothing(keys: Keys, end: str, code: str) -> None:
    key = keys.create(ttlSeconds=60)
    getattr(keys, end)(key)
    assert code_of(keys.mint, key) == code
    assert code_of(keys.rotate, key) == code


def test_ending_a_key_ends_all_below_it_and_nothing_else(keys: Keys) -> None:
    root, other = keys.create(), keys.create()
    child, sibling = keys.mint(root), keys.mint(root)
    grandchild = keys.mint(child)
    assert keys.revoke(child) == {child.id, grandchild.id}
    states = [keys.find(key).status for key in (root, child, sibling, grandchild, other)]
    assert states == ["live", "revoked", "live", "revoked", "live"]
    assert keys.revoke(child) == {child.id}, "again is no error"


def test_more_than_a_hundred_end_with_one_word_to_all(board: Board, keys: Keys) -> None:
    root = keys.create()
    for _ in range(101):
        keys.mint(root)
    listener = board.connect()
    listener.execute("listen ablo_key")
    assert len(keys.revoke(root)) == 102
    assert [one.payload for one in listener.notifies(timeout=30, stop_after=1)] == [""]
    single = keys.create()
    keys.revoke(single)
    assert [one.payload for one in listener.notifies(timeout=30, stop_after=1)] == [single.id]


def test_a_mint_in_flight_does_not_outlive_its_parent(board: Board, keys: Keys) -> None:
    """The revocation waits for it, and takes the child along."""
    root = keys.create()
    other = Keys(board)
    with threads(1) as start:
        with keys.conn.transaction():
            child = keys.mint(root)
            ended = start(other.revoke, root)
            wait_blocked(board.admin, other.pid, keys.pid)
        assert child.id in ended.result()
    assert keys.find(child).status == "revoked"


def test_a_mint_after_a_revocation_in_flight_is_refused(board: Board, keys: Keys) -> None:
    root = keys.create()
    other = Keys(board)
    other.secrets = keys.secrets
    with threads(1) as start:
        with keys.conn.transaction():
            keys.revoke(root)
            minted = start(code_of, other.mint, root)
            wait_blocked(board.admin, other.pid, keys.pid)
        assert minted.result() == "apikey_revoked"


def test_the_checker_catches_a_mint_that_does_not_hold_its_parent(own_board: Board) -> None:
    """Without the lock the revocation does not wait, and misses the child."""
    source = own_board.value("select pg_get_functiondef('ablo.key_mint'::regproc)")
    own_board.run(source.replace("for share", ""))
    own_board.run("alter table ablo.api_key drop constraint api_key_parent_id_fkey")
    keys, other = Keys(own_board), Keys(own_board)
    root = keys.create()
    with keys.conn.transaction():
        child = keys.mint(root)
        assert child.id not in other.revoke(root)
    assert keys.find(child).status == "live"


def test_rotation_puts_an_equal_in_its_place_and_lets_the_old_one_end(keys: Keys) -> None:
    root = keys.create(scopes=["schema:push"], ttlSeconds=600, label="ci", userMeta={"a": 1})
    child = keys.mint(root, ttlSeconds=500)
    new = keys.rotate(root, graceSeconds=60)
    same = ("prefix", "participant", "operations", "scopes", "sync_groups", "parent_id", "label")
    assert [getattr(new, name) for name in same] == [getattr(root, name) for name in same]
    assert (new.user_meta, new.id != root.id) == ({"a": 1}, True)
    assert lifetime(new) == pytest.approx(600, abs=5)
    for old in (root, child):
        found = keys.find(old)
        assert (found.status, found.expires_at is not None) == ("live", True)
        assert 50 < (found.expires_at or 0) - found.now <= 60
    keys.rotate(new, graceSeconds=0)
    assert keys.find(new).status == "expired"


def test_a_rotated_key_keeps_its_spelling(keys: Keys) -> None:
    assert keys.rotate(keys.create(prefix="sk_test")).display.startswith("sk_test_")
    assert keys.rotate(keys.create(prefix="pk")).display.startswith("pk_")
    key = keys.create()
    wrong = '{"hash": "' + "0" * 64 + '", "display": "rk_123456789"}'
    with pytest.raises(Exception, match="display"):
        keys.conn.execute("select ablo.key_rotate(%s, %s, %s)", (keys.organization, key.id, wrong))


def test_a_key_that_renews_itself_does_not_live_longer(keys: Keys) -> None:
    root = keys.create()
    child = keys.mint(root, ttlSeconds=60)
    assert keys.rotate(child, by=child, ttlSeconds=3600).expires_at == child.expires_at
    assert lifetime(keys.rotate(child, by=root, ttlSeconds=600)) == pytest.approx(600, abs=5)


@pytest.mark.parametrize("grace", [-1, 3_000_000, "1h"])
def test_a_grace_period_has_bounds(keys: Keys, grace: Any) -> None:
    assert code_of(keys.rotate, keys.create(), graceSeconds=grace) == "duration_invalid"


def test_who_may_end_and_renew_what(keys: Keys) -> None:
    root, second = keys.create(), keys.create()
    narrow = keys.create(operations=["tasks.read"])
    child = keys.mint(root)
    grandchild = keys.mint(child)
    stranger = keys.mint(second)
    # Itself and all below it; an unrestricted secret key also all but secret ones.
    allowed = {
        root.id: {root.id, child.id, grandchild.id, stranger.id},
        second.id: {second.id, stranger.id, child.id, grandchild.id},
        narrow.id: {narrow.id},
        child.id: {child.id, grandchild.id},
        grandchild.id: {grandchild.id},
        stranger.id: {stranger.id},
    }
    everybody = [root, second, narrow, child, grandchild, stranger]
    for by in everybody:
        for target in everybody:
            found = code_of(keys.rotate, target, by=by)
            expected = None if target.id in allowed[by.id] else "capability_not_found"
            assert found == expected, (by, target)
    assert code_of(keys.revoke, "key_none", by=root) == "capability_not_found"
    assert code_of(keys.revoke, "key_none") == "capability_not_found"


def test_keys_of_another_organization_are_as_if_they_were_not(board: Board, keys: Keys) -> None:
    with Board(board.handle, f"{board.organization}-far") as far_board:
        far = Keys(far_board)
        theirs = far.create()
        mine = keys.create()
        for call, named in ((keys.revoke, {}), (keys.rotate, {}), (keys.mint, {"wideScope": True})):
            free = error_of(call, "key_free", **named)
            taken = error_of(call, theirs.id, **named)
            assert taken.replace(theirs.id, "key_free") == free
        assert code_of(keys.revoke, theirs.id, by=mine) == "capability_not_found"
        assert code_of(keys.revoke, mine.id, by=theirs) == "capability_invalid"
        assert far.find(theirs).status == "live"


def test_a_restricted_key_has_a_thousand_children_at_most(board: Board, keys: Keys) -> None:
    parent = keys.create("agent:a", "rk")
    keys.mint(parent)
    board.run(
        "insert into ablo.api_key (id, key_hash, prefix, display, organization_id, participant,"
        " parent_id, created_at, expires_at)"
        " select 'cap_x' || n, encode(sha256(('x' || n)::bytea), 'hex'), 'rk', 'rk_', '{org}',"
        f" 'agent:a', '{parent.id}', now(), now() + interval '1 hour'"
        " from generate_series(1, 999) n"
    )
    assert code_of(keys.mint, parent) == "quota_exceeded"
    keys.revoke("cap_x1")
    assert code_of(keys.mint, parent) is None


def lifetime(key: KeyRecord) -> float:
    assert key.expires_at is not None
    return key.expires_at - key.created_at


def error_of(call: Any, key_id: str, **named: Any) -> str:
    with pytest.raises(AbloError) as caught:
        call(key_id, **named)
    return f"{caught.value.code} {caught.value} {caught.value.details}"
