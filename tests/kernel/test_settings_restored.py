"""Routines of the runtime login leave a caller's transaction with the settings that it had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from .board import Board, Caller, Json, create, update

ROUTINES: Final = """
select distinct p.proname from pg_proc p
 where p.pronamespace = 'ablo'::regnamespace
   and has_function_privilege('ablo_runtime', p.oid, 'execute')"""
# What any routine of ours sets. The rest of the catalogue's settings are compared as they are.
SET: Final = r"""
select distinct (regexp_matches(p.prosrc, 'set_config\(\s*''([a-z_.]+)''', 'g'))[1] from pg_proc p
 where p.pronamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace)"""
# State of the transaction itself: who wrote first, its order lock, whose rows it has changed.
OF_THE_TRANSACTION: Final = {"ablo.writer", "ablo.ordered", "ablo.tx_orgs"}
# The settings of a caller that acts for another organization.
CALLERS: Final = {
    "app.current_org_id": "mine",
    "app.current_participant_id": "user:me",
    "app.current_participant_kind": "user",
    "app.current_user_id": "me",
    "ablo.on_behalf_of": "user:boss",
    "ablo.capability_id": "my-key",
    "ablo.claims": '{"a:b": ["c", 1]}',
    "ablo.transaction_ids": '{"a:b": "t"}',
    "lock_timeout": "7s",
}
ONE: Final = json.dumps({"operations": [create("new")], "returning": True})
UPDATED: Final = json.dumps({"operations": [update("t1", count=1)]})
STALE: Final = {"model": "tasks", "id": "t1", "readAt": 1, "onStale": "notify"}
HELD: Final = json.dumps({"operations": [update("t2", count=1)], "reads": [STALE]})
REQUEST: Final = json.dumps({"display": "sk_", "hash": "f" * 64, "prefix": "sk"})
BATCH: Final = json.dumps(
    [
        {"participant": "user:ann", "key": f"b{n}", "request": {"operations": [each]}}
        for n, each in enumerate(
            [update("t2", count=1), update("gone", count=1), *(create(f"s{n}") for n in range(14))]
        )
    ]
)
# The arguments behind the organization, or behind it and the participant (WHO): one call for each
# way out of the routine.
WHO: Final[dict[str, list[tuple[object, ...]]]] = {
    "claim_next": [("tasks", '{"where": [["id", "=", "t3"]]}'), ("tasks",)],
    "commit_preview": [('{"operations": [{"action": "delete", "model": "tasks", "id": "t1"}]}',)],
    "claim_acquire": [("tasks", "t4"), ("tasks", "t2", '{"claimId": "late"}')],
    "claim_break": [("ended",), ("other",)],
    "claim_events": [(0, 0, 100), (0, 0, 0)],
    "claim_get": [("own",), ("other",), ("ended",)],
    "claim_heartbeat": [("own",)],
    "claim_heartbeat_all": [()],
    "claim_list": [(), ("tasks", "t1")],
    "claim_release": [("ended",), ("own",)],
    "claim_release_row": [("tasks", "t1"), ("tasks", "t1")],
    "claim_reorder": [("tasks", "t1", '["waiting"]')],
    "commit": [("k3", UPDATED, "agent:x"), ("k1", ONE), ("k1", ONE), ("k2", HELD)],
    "commit_get": [("prepared",)],
    "commit_list": [("{}",)],
    "commit_refusal": [(UPDATED,), (HELD,)],
    "key_create": [(REQUEST,)],
    "live_read": [(True,)],
    "presence_beat": [("s",)],
    "presence_leave": [("s",)],
    "presence_list": [()],
    "access_explain": [("tasks", "a")],
    "receipt_get": [("prepared",)],
    "row_aggregate": [("tasks", "{}")],
    "row_at": [("tasks", "t1", "{head}")],
    "row_get": [("tasks", "t1"), ("tasks", "t1", "{key}"), ("tasks", "gone")],
    "row_history": [("tasks", "t1")],
    "row_list": [("tasks", "{}"), ("tasks", '{"limit": 1}', "{key}")],
    "snapshot_read": [('[{"model": "tasks", "id": "t1"}]',), ("[]",)],
    "track_list": [()],
    "track_remove": [('[{"model": "tasks", "id": "t1"}]',), ()],
    "undo_plan": [('{"model": "tasks", "id": "t1", "after": 0}',), ('{"commit": "prepared"}',)],
}
ORGANIZATION: Final[dict[str, list[tuple[object, ...]]]] = {
    "bootstrap_note": [("{key}", 1)],
    "bootstrap_start": [("{key}",)],
    "commit_batch": [(BATCH,)],
    "delta_read": [(0,)],
    "delta_tail": [(None, 10)],
    "key_get": [("{key}",)],
    "key_list": [()],
    "key_mint": [("{hash}", json.dumps({"wideScope": True, "display": "rk_", "hash": "e" * 64}))],
    "key_revoke": [("{key}",)],
    "key_rotate": [("{key}", json.dumps({"display": "sk_", "hash": "d" * 64}))],
    "log_head": [()],
    "sight_at": [("{key}",), ("{key}", 0)],
    "sight_rows": [(0, ["tasks:t1"], ["tasks:t1"], ["user:a"])],
}
NEITHER: Final[dict[str, list[tuple[object, ...]]]] = {
    "canary_emit": [("test",)],
    "delta_extend": [()],
    "delta_readable": [("tasks", '{"id": "t1"}', None)],
    "housekeep": [()],
    "identity_check": [()],
    "key_find": [("{hash}",)],
    "key_states": [(["x"],)],
    "listen_key": [()],
    "live_key": [()],
    "schema_active": [()],
    "schema_history": [(None, 1)],
    "sight_since": [()],
    "status": [()],
}


@pytest.fixture
def caller(board: Board) -> Caller:
    return prepared(board)


def prepared(board: Board) -> Caller:
    """Write what the calls are about, and hold, wait for and end claims."""
    caller = board.caller(participant="user:ann")
    caller.commit(*(create(f"t{n}") for n in range(1, 5)), key="prepared")
    caller.commit(update("t1", count=1), track=[{"model": "tasks", "id": "t1"}])
    for who, row, claim in (
        ("user:ann", "t1", "own"), ("user:bo", "t1", "waiting"),
        ("user:bo", "t3", "other"), ("user:ann", "t4", "ended"),
    ):  # fmt: skip
        request = json.dumps({"claimId": claim, "ttl": "1m"})
        arguments = (caller.organization, who, "tasks", row, request)
        caller.call("select ablo.claim_acquire(%s, %s, %s, %s, %s)", *arguments)
    caller.call(
        "select ablo.claim_release(%s, %s, 'ended')", caller.organization, caller.participant
    )
    return caller


def calls(board: Board, caller: Caller) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """Every routine with the arguments of its calls."""
    who = (caller.organization, caller.participant)
    known = {
        "{key}": board.capability("user:ann"),
        "{head}": caller.call("select ablo.log_head(%s)", caller.organization),
        "{hash}": board.value(
            "select max(key_hash) from ablo.api_key where organization_id = '{org}'"
        ),
    }
    for table, leading in ((WHO, who), (ORGANIZATION, who[:1]), (NEITHER, ())):
        for name, each in table.items():
            filled = [tuple(known.get(str(a), a) for a in arguments) for arguments in each]
            yield name, [(*leading, *arguments) for arguments in filled]


@contextmanager
def acting_for_another(caller: Caller, given: Json) -> Iterator[None]:
    with caller.conn.transaction(force_rollback=True):
        for name, value in given.items():
            caller.call("select set_config(%s, %s, true)", name, value)
        yield


def settings(caller: Caller, names: set[str]) -> dict[str, str | None]:
    found = {
        name: caller.call("select nullif(current_setting(%s, true), '')", name) for name in names
    }
    rows = caller.conn.execute("select name, setting from pg_settings").fetchall()
    return found | dict(rows)


def left_behind(board: Board, caller: Caller, given: Json) -> dict[str, set[str]]:
    """Call everything; return the settings that each routine has left changed."""
    names = ({name for (name,) in board.rows(SET)} | set(CALLERS)) - OF_THE_TRANSACTION
    left: dict[str, set[str]] = {}
    for name, each in calls(board, caller):
        with acting_for_another(caller, given):
            before = settings(caller, names)
            for arguments in each:
                marks = ", ".join(["%s"] * len(arguments))
                caller.conn.execute(f"select ablo.{name}({marks})".encode(), arguments)
                after = settings(caller, names)
                changed = {one for one in before if before[one] != after[one]}
                if changed:
                    left[name] = left.get(name, set()) | changed
    return left


@pytest.mark.parametrize("given", [CALLERS, {}], ids=["set", "unset"])
def test_a_callers_transaction_keeps_its_settings(
    board: Board, caller: Caller, given: Json
) -> None:
    assert left_behind(board, caller, given) == {}


def test_every_routine_is_called(board: Board) -> None:
    called = {*WHO, *ORGANIZATION, *NEITHER}
    assert called == {name for (name,) in board.rows(ROUTINES)}


def test_routines_that_restore_nothing_are_caught(own_board: Board) -> None:
    caller = prepared(own_board)
    own_board.run(
        "create or replace function ablo.identity_restore(p_found text, p_answer anyelement)"
        " returns anyelement language sql as 'select p_answer'"
    )
    setters = own_board.rows(
        f"select r.proname from ({ROUTINES}) r join pg_proc p using (proname)"
        " where p.pronamespace = 'ablo'::regnamespace and p.prosrc ~ 'ablo.identity_(set|found)'"
    )
    left = left_behind(own_board, caller, CALLERS)
    assert set(left) >= {name for (name,) in setters}


def test_a_read_in_a_trigger_does_not_change_its_commit(own_board: Board) -> None:
    """A table's own trigger may read through the kernel; the log keeps whose commit it is."""
    own_board.run(
        "create function public.look() returns trigger language plpgsql security definer as"
        " $$ begin perform ablo.row_get('beta', 'system:look', 'tasks', new.id);"
        " return new; end $$;"
        "create trigger look before update on tasks for each row execute function public.look()"
    )
    caller = prepared(own_board)
    operation = update("t1", count=2) | {"transactionId": "tx", "claimId": "own"}
    caller.commit(operation, on_behalf_of="user:boss")
    (found,) = own_board.rows(
        "select actor, on_behalf_of, transaction_id, claim_id from ablo.delta"
        " where organization_id = '{org}' order by sync_id desc limit 1"
    )
    assert found == ("user:ann", "user:boss", "tx", "own")
