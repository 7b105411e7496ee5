"""Keys in the database: made, found, minted, listed, swept."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ablo_pg.credentials import key_hash
from ablo_pg.errors import AbloError

from .board import Board
from .key_calls import Keys, code_of


@pytest.fixture
def keys(board: Board) -> Keys:
    return Keys(board)


def test_only_a_hash_and_twelve_characters_are_kept(board: Board, keys: Keys) -> None:
    made = keys.create(label="ci")
    secret = keys.secrets[made.id]
    assert (made.prefix, made.participant, made.status) == ("sk", "agent:a", "live")
    assert made.display == secret[:12]
    assert (made.operations, made.sync_groups, made.expires_at) == (None, None, None)
    stored = board.value(f"select k::text from ablo.api_key k where id = '{made.id}'")
    assert secret[12:] not in stored
    assert key_hash(secret) in stored
    assert key_hash(secret) not in str(keys.find(made))


def test_a_key_is_found_by_its_hash_alone(keys: Keys) -> None:
    made = keys.create("user:ann", "ek", operations=["tasks.read", "TASKS.update"])
    found = keys.find(made)
    assert (found.id, found.organization_id) == (made.id, keys.organization)
    assert found.operations == {"tasks.read", "tasks.update"}
    for wrong in (made.id, keys.secrets[made.id], made.display, "", "0" * 64):
        assert keys.conn.execute("select ablo.key_find(%s)", [wrong]).fetchone() == (None,)


CHILDREN = """
    insert into ablo.api_key (id, key_hash, prefix, display, organization_id, participant,
      parent_id, created_at, expires_at)
    select n, lpad(to_hex(n), 64, '0'), 'rk', 'rk_', 'acme', 'agent:a', nullif(n / 100, 0)::text,
      now(), now()
    from generate_series(1, 5000) n"""


def test_finding_is_one_probe_of_the_hash(board: Board) -> None:
    board.run(CHILDREN)
    board.run("analyze ablo.api_key")
    board.run("set plan_cache_mode = force_generic_plan; set enable_seqscan = off")
    plan = board.rows("explain select from ablo.api_key where key_hash = 'x'")
    assert "api_key_key_hash_key" in str(plan)
    plan = board.rows("explain select from ablo.api_key where parent_id = 'x'")
    assert "api_key_parent_idx" in str(plan)
    board.run("reset plan_cache_mode; reset enable_seqscan")


@pytest.mark.parametrize(
    ("code", "field", "how"),
    [
        ("invalid_request", "operations", {"operations": "tasks.read"}),
        ("invalid_request", "operations", {"operations": ["tasks"]}),
        ("invalid_request", "operations", {"operations": ["tasks.*"]}),
        ("invalid_request", "operations", {"operations": ["tasks.drop"]}),
        ("invalid_request", "operations", {"operations": [1]}),
        ("invalid_request", "operations", {"operations": ["tasks.read"] * 1001}),
        ("server_execute_unknown_model", None, {"operations": ["taks.read"]}),
        ("invalid_request", "syncGroups", {"syncGroups": "default"}),
        ("invalid_request", "syncGroups", {"syncGroups": ["project"]}),
        ("invalid_request", "syncGroups", {"syncGroups": [7]}),
        ("invalid_request", "syncGroups", {"syncGroups": ["a:" + "x" * 600]}),
        ("capability_scope_denied", "syncGroups", {"syncGroups": ["org:other"]}),
        ("invalid_request", "scopes", {"scopes": ["root"]}),
        ("invalid_request", "scopes", {"scopes": "schema:push"}),
        ("duration_invalid", "ttlSeconds", {"ttlSeconds": 0}),
        ("duration_invalid", "ttlSeconds", {"ttlSeconds": "30d"}),
        ("duration_invalid", "ttlSeconds", {"ttlSeconds": 10**12}),
        ("invalid_request", "label", {"label": "x" * 201}),
        ("invalid_request", "userMeta", {"userMeta": [1]}),
        ("invalid_request", "userMeta", {"userMeta": {"x": "y" * 20000}}),
        ("invalid_participant_kind", "participant", {"prefix": "ek"}),
        ("capability_scope_denied", "operations", {"prefix": "pk", "operations": ["tasks.update"]}),
        ("capability_scope_denied", "scopes", {"prefix": "pk", "scopes": ["schema:push"]}),
    ],
)
def test_what_a_key_cannot_be(keys: Keys, code: str, field: str | None, how: Any) -> None:
    with pytest.raises(AbloError) as caught:
        keys.create(**how)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert caught.value.remedy


@pytest.mark.parametrize("participant", ["", "bot:x", "agent:", "agent", "human:x"])
def test_a_participant_is_of_a_kind(keys: Keys, participant: str) -> None:
    assert code_of(keys.create, participant) == "invalid_participant_kind"


def test_before_the_first_push_any_model_will_do(board: Board, keys: Keys) -> None:
    with board.admin.transaction(force_rollback=True):
        board.run("delete from ablo.model; drop function ablo_model.resolve(text)")
        resolve = "ablo_model.resolve(text) returns text language sql as 'select null::text'"
        board.run(f"create function {resolve}")
        stored = board.value("""select ablo.key_operations('["Later.read"]', 'sk', true)""")
        assert stored == ["later.read"]


def test_publishable_keys_read(keys: Keys) -> None:
    assert keys.create(prefix="pk").operations == {"*.read"}
    parent = keys.create(operations=["tasks.read", "tasks.update"])
    assert keys.mint(parent, prefix="pk").operations == {"tasks.read"}


def test_the_groups_of_the_organization_are_all(keys: Keys) -> None:
    for whole in ("default", f"org:{keys.organization}"):
        assert keys.create(syncGroups=["project:p1", whole]).sync_groups is None
    assert keys.create(syncGroups=["b:1", "a:1", "b:1"]).sync_groups == {"a:1", "b:1"}
    assert keys.create(syncGroups=[]).sync_groups == frozenset()


def test_a_list_shows_live_keys_and_never_a_secret(board: Board, keys: Keys) -> None:
    first, second, gone = keys.create(label="one"), keys.create(label="two"), keys.create()
    minted = keys.mint(first)
    keys.revoke(gone)

    def listed(everything: bool) -> list[str]:
        query = "select ablo.key_list(%s, %s)"
        row = keys.conn.execute(query, (keys.organization, everything)).fetchone()
        assert row is not None
        text = str(row[0])
        assert not [
            key for key in keys.secrets.values() if key[12:] in text or key_hash(key) in text
        ]
        return [one["id"] for one in row[0]]

    assert listed(False) == [second.id, first.id]
    assert listed(True) == [minted.id, gone.id, second.id, first.id]


def test_minted_keys_are_forgotten_a_month_after_their_end(board: Board, keys: Keys) -> None:
    parent = keys.create()
    old = keys.mint(parent)
    child = keys.mint(old)
    fresh = keys.mint(parent)
    for key in (old, child):
        keys.expire(key, 31 * 86400)
    keys.expire(fresh, 29 * 86400)
    keys.mint(parent)
    left = {row[0] for row in board.rows("select id from ablo.api_key")}
    assert not {old.id, child.id} & left
    assert {parent.id, fresh.id} <= left


def test_the_runtime_login_has_no_rights_on_the_table(keys: Keys) -> None:
    for statement in (
        "select from ablo.api_key",
        "insert into ablo.api_key (id) values ('x')",
        "update ablo.api_key set revoked_at = null",
        "delete from ablo.api_key",
    ):
        with pytest.raises(Exception, match="permission denied"):
            keys.conn.execute(statement.encode())


def test_ids_are_of_keys_and_capabilities(keys: Keys) -> None:
    parent = keys.create()
    assert re.fullmatch(r"key_[0-9a-f-]{36}", parent.id)
    assert re.fullmatch(r"cap_[0-9a-f-]{36}", keys.mint(parent).id)
