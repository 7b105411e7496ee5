"""What a key may do is enforced inside the database, whatever the caller's door has checked."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Door, Json, create, op, update
from .key_calls import Holder, Keys, code_of

DENIED = "capability_scope_denied"
doors = pytest.mark.parametrize("door", ["commit", "batch"])


@pytest.fixture
def keys(board: Board) -> Keys:
    return Keys(board)


def holder(
    keys: Keys, *operations: str, groups: Any = None, participant: str = "agent:a"
) -> Holder:
    """Somebody with a key of these operations, or of all when none is named."""
    how: Json = {"operations": list(operations) or None, "syncGroups": groups}
    return Holder(keys.board, keys.create(participant, "rk", **how))


@pytest.fixture
def filled(board: Board) -> Board:
    """Projects p1 and p2 with a task each, t1 and t2, and a note."""
    owner = board.caller(participant="user:owner")
    for one in ("1", "2"):
        owner.commit(
            create(f"p{one}", "projects", name="x"), create(f"t{one}", projectId=f"p{one}")
        )
    owner.commit(op("create", "notes", "n", {"text": "x"}))
    return board


VERBS = {
    "create": create("new"),
    "update": update("t1", count=1),
    "delete": op("delete", "tasks", "t1"),
}


@doors
@pytest.mark.parametrize("held", [*VERBS, "read", "none"])
def test_each_verb_takes_its_operation(filled: Board, keys: Keys, held: str, door: Door) -> None:
    agent = holder(keys, f"tasks.{held}" if held != "none" else "notes.update")
    before = filled.traces()
    for verb, operation in VERBS.items():
        if verb != held:
            assert code_of(agent.write, operation, door=door) == DENIED
    assert filled.traces() == before, "nothing was written"
    if held in VERBS:
        agent.write(VERBS[held], door=door)


@doors
def test_archiving_is_updating(filled: Board, keys: Keys, door: Door) -> None:
    may, may_not = holder(keys, "tasks.update"), holder(keys, "tasks.delete", "tasks.create")
    for action in ("archive", "unarchive"):
        assert code_of(may_not.write, op(action, "tasks", "t1"), door=door) == DENIED
        may.write(op(action, "tasks", "t1"), door=door)


def test_one_operation_too_many_refuses_the_whole_commit(filled: Board, keys: Keys) -> None:
    agent = holder(keys, "tasks.update", "tasks.read")
    before = filled.traces()
    with pytest.raises(AbloError) as caught:
        agent.write(update("t1", count=1), op("delete", "notes", "n"))
    error = caught.value
    assert (error.code, error.http_status, error.model) == (DENIED, 403, "notes")
    assert error.details["operation"] == "delete"
    assert "notes.delete" in (error.remedy or "")
    assert filled.traces() == before


def test_stars_are_for_all_models(filled: Board, keys: Keys) -> None:
    agent = holder(keys, "*.update")
    agent.write(update("t1", count=1), op("update", "projects", "p1", {"name": "y"}))
    assert code_of(agent.write, op("delete", "projects", "p1")) == DENIED


def test_whoever_is_told_what_a_row_holds_must_be_allowed_to_read_it(
    filled: Board, keys: Keys
) -> None:
    blind = holder(keys, "tasks.update", "notes.update")
    sees = holder(keys, "tasks.update", "tasks.read", "notes.update")
    for request in (
        ((update("t1", 0, "notify", count=1),), {}),
        ((update("t1", 0, "flag", count=1),), {}),
        ((op("update", "notes", "n", {"text": "y"}),), {}),  # the model's policy is notify
        ((update("t1", count=1),), {"reads": [{"model": "tasks", "id": "t2", "readAt": 0}]}),
        ((), {"track": [{"model": "tasks", "id": "t2"}]}),
    ):
        operations, how = request
        assert code_of(blind.write, *operations, **how) == DENIED
    sees.write(update("t1", 0, "notify", count=1))
    assert code_of(sees.write, op("update", "notes", "n", {"text": "y"})) == DENIED


READS: dict[str, tuple[Any, ...]] = {
    "row_get": ("tasks", "t1"),
    "row_list": ("tasks", "{}"),
    "row_at": ("tasks", "t1", 0),
    "row_history": ("tasks", "t1"),
    "snapshot_read": ('[{"model": "tasks", "id": "t1"}]',),
}


@pytest.mark.parametrize("routine", READS)
def test_reading_takes_its_operation(filled: Board, keys: Keys, routine: str) -> None:
    arguments = READS[routine]
    holder(keys, "tasks.read").ask(routine, *arguments)
    assert code_of(holder(keys, "tasks.update").ask, routine, *arguments) == DENIED


def claim(agent: Holder, row_id: str = "t1") -> Any:
    return agent.ask("claim_acquire", "tasks", row_id)


def test_a_claim_is_for_those_who_read_and_write(filled: Board, keys: Keys) -> None:
    assert code_of(claim, holder(keys, "tasks.read")) == DENIED
    assert code_of(claim, holder(keys, "tasks.update")) == DENIED
    assert code_of(claim, holder(keys, "notes.update", "notes.read")) == DENIED
    agent = holder(keys, "tasks.read", "tasks.delete")
    assert claim(agent)["claim"]["capabilityId"] == agent.key.id


ALL = {
    **{name: (lambda a, n=name, r=args: a.ask(n, *r)) for name, args in READS.items()},  # type: ignore[misc]
    "claim_acquire": claim,
    "commit": lambda agent: agent.write(create(os.urandom(4).hex())),
    "batch": lambda agent: agent.write(create(os.urandom(4).hex()), door="batch"),
}


@pytest.mark.parametrize("call", ALL.values(), ids=ALL)
def test_an_ended_or_foreign_key_does_nothing(filled: Board, keys: Keys, call: Any) -> None:
    agent = holder(keys)
    call(agent)
    stranger = Holder(filled, agent.key)
    stranger.participant = "agent:b"
    assert code_of(call, stranger) == DENIED
    elsewhere = Holder(filled, agent.key)
    elsewhere.organization = "elsewhere"
    assert code_of(call, elsewhere) == "capability_invalid"
    before = filled.traces()
    keys.expire(agent.key)
    assert code_of(call, agent) == "apikey_expired"
    keys.revoke(agent.key)
    assert code_of(call, agent) == "apikey_revoked"
    assert filled.traces() == before


def test_a_revoked_key_gets_no_replay_either(filled: Board, keys: Keys) -> None:
    agent = holder(keys)
    agent.write(create("x"), key="k")
    assert agent.write(create("x"), key="k")["ops"] == 1
    keys.revoke(agent.key)
    assert code_of(agent.write, create("x"), key="k") == "apikey_revoked"


def test_without_a_capability_nothing_is_looked_up(filled: Board) -> None:
    """The table may even be locked: those who give none never touch it."""
    caller, locker = filled.caller(participant="agent:z"), filled.connect_admin()
    with locker.transaction(force_rollback=True):
        locker.execute("lock table ablo.api_key in access exclusive mode")
        caller.conn.execute("set lock_timeout = '1s'")
        caller.commit(update("t1", count=5))
        caller.commit(update("t1", count=6), door="batch")
        caller.get("tasks", "t1")
        caller.list("tasks", {})


# Keys that are bound to sync groups.


def bound(keys: Keys, *groups: str, operations: tuple[str, ...] = ()) -> Holder:
    return holder(keys, *operations, groups=list(groups))


def ids(agent: Holder, model: str = "tasks", **query: Any) -> list[str]:
    found = agent.ask("row_list", model, json.dumps(query))
    return [row["id"] for row in found["data"]]


def test_a_list_shows_the_rows_of_its_groups(filled: Board, keys: Keys) -> None:
    assert ids(bound(keys, "projects:p1")) == ["t1"]
    assert ids(bound(keys, "projects:p1"), "projects") == ["p1"]
    assert ids(bound(keys, "tasks:t2")) == ["t2"]
    assert ids(bound(keys, "projects:p1", "tasks:t2")) == ["t1", "t2"]
    assert ids(bound(keys)) == []
    assert ids(bound(keys, "default")) == ["t1", "t2"]


def test_pages_of_a_bound_key_are_full(filled: Board, keys: Keys) -> None:
    filled.caller().commit(*[create(f"x{n}", projectId=f"p{n % 2 + 1}") for n in range(20)])
    agent = bound(keys, "projects:p1")
    first = agent.ask("row_list", "tasks", '{"limit": 5}')
    assert (len(first["data"]), first["hasMore"]) == (5, True)
    rest = ids(agent, limit=20, after=first["nextCursor"])
    assert len(rest) == 6
    assert not {row["id"] for row in first["data"]} & set(rest)


def test_a_row_outside_reads_like_a_missing_one(filled: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1")
    assert agent.ask("row_get", "tasks", "t1")["row"]["id"] == "t1"
    assert agent.ask("row_get", "tasks", "t2") == agent.ask("row_get", "tasks", "free")
    targets = [{"model": "tasks", "id": one} for one in ("t1", "t2", "free")]
    rows = agent.ask("snapshot_read", json.dumps(targets))["rows"]
    assert [row["row"] is None for row in rows] == [False, True, True]
    assert rows[1]["stamp"] == rows[2]["stamp"]
    assert agent.ask("row_history", "tasks", "t2")["entries"] == []
    assert len(agent.ask("row_history", "tasks", "t1")["entries"]) == 1
    head = filled.caller().snapshot([])["stamp"]
    assert agent.ask("row_at", "tasks", "t2", head)["row"] is None
    assert agent.ask("row_at", "tasks", "t1", head)["row"]["id"] == "t1"


def test_a_row_that_moved_is_seen_where_it_is(filled: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1")
    filled.caller().commit(update("t2", projectId="p1"), update("t1", projectId="p2"))
    assert ids(agent) == ["t2"]
    # What it was when it was not there yet, and what it became after it had left, stays unseen.
    told = [one["row"]["projectId"] for one in agent.ask("row_history", "tasks", "t2")["entries"]]
    assert told == ["p1"]


@doors
@pytest.mark.parametrize(
    "operation",
    [
        update("t2", count=1),
        update("free", count=1),
        op("delete", "tasks", "t2"),
        op("archive", "tasks", "t2"),
        create("new", projectId="p2"),
        create("new"),
        update("t1", projectId="p2"),  # out of its groups, into another's
        update("t2", projectId="p1"),  # out of another's, into its own
        op("create", "notes", "m", {"text": "x"}),
        create("t2", projectId="p1"),  # is there already, elsewhere
    ],
    ids=lambda one: f"{one['action']} {one['id']} {one.get('data', {}).get('projectId', '')}",
)
def test_a_bound_key_writes_within_its_groups(
    filled: Board, keys: Keys, operation: Json, door: Door
) -> None:
    agent = bound(keys, "projects:p1")
    before, rows = filled.traces(), filled.rows("select t::text from tasks t order by id")
    assert code_of(agent.write, operation, door=door) == DENIED
    assert code_of(agent.write, update("t1", count=1), operation, door=door) == DENIED
    assert filled.traces() == before
    assert filled.rows("select t::text from tasks t order by id") == rows


@doors
def test_and_there_it_does_what_it_may(filled: Board, keys: Keys, door: Door) -> None:
    agent = bound(keys, "projects:p1")
    agent.write(update("t1", count=1), create("new", projectId="p1"), door=door)
    agent.write(op("archive", "tasks", "new"), op("unarchive", "tasks", "new"), door=door)
    agent.write(create("brief", projectId="p1"), op("delete", "tasks", "brief"), door=door)
    agent.write(op("delete", "tasks", "t1"), key=f"d{door}", door=door)
    assert agent.write(op("delete", "tasks", "t1"), key=f"d{door}", door=door)["ops"] == 1, (
        "a replay"
    )


def test_a_bound_key_is_told_of_nothing_outside(filled: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1")

    def reads(*premises: Json) -> str | None:
        return code_of(agent.write, update("t1", count=1), reads=list(premises))

    head = filled.caller().snapshot([])["stamp"]
    outside, missing = ({"model": "tasks", "id": one, "readAt": 0} for one in ("t2", "free"))
    assert reads(outside) == reads(missing) is None, (
        "a row outside is judged like one that never was"
    )
    absent = [{"model": "tasks", "id": one, "absent": True} for one in ("t2", "free")]
    assert [reads(one) for one in absent] == [None, None]
    assert reads({"group": "projects:p2", "readAt": head}) == DENIED
    assert reads({"group": "default", "readAt": head}) == DENIED
    assert reads({"model": "tasks", "where": [], "ids": [], "readAt": head}) == DENIED
    assert code_of(agent.write, track=[{"group": "projects:p2"}]) == DENIED
    assert code_of(agent.write, track=[{"model": "tasks", "id": "t2"}]) is None
    head = filled.caller().snapshot([])["stamp"]
    assert reads({"group": "projects:p1", "readAt": head}) is None
    head = filled.caller().snapshot([])["stamp"]
    assert reads({"model": "projects", "id": "p1", "readAt": head}) is None
    filled.caller().commit(op("delete", "tasks", "t2"))
    assert reads(outside) is None, "not of its end either"
    assert "notifications" not in agent.write(update("t1", count=2)), "nor by a track"


def test_a_bound_key_claims_what_it_sees(filled: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1")
    assert claim(agent)["claim"]["status"] == "active"
    assert code_of(claim, agent, "t2") == DENIED
    assert code_of(claim, agent, "free") == DENIED


def test_groups_and_operations_bind_together(filled: Board, keys: Keys) -> None:
    agent = bound(keys, "projects:p1", operations=("tasks.read", "tasks.update"))
    agent.write(update("t1", count=1))
    assert code_of(agent.write, op("delete", "tasks", "t1")) == DENIED
    assert ids(agent) == ["t1"]
    assert code_of(agent.ask, "row_list", "projects", "{}") == DENIED


def test_models_without_organizations_are_everybodys(filled: Board, keys: Keys) -> None:
    filled.run("insert into countries (id, name) values ('np', 'Nepal') on conflict do nothing")
    assert "np" in ids(bound(keys, "projects:p1"), "countries")


MUTANTS = {
    "operations": "ablo.key_may(p_key ablo.key_rights, p_typename text, p_verb text)"
    " returns boolean language sql as 'select true'",
    "groups of writes": "ablo.key_check_operation(p_organization text, p_key ablo.key_rights,"
    " p_model text, p_action text, p_operation jsonb, p_after boolean) returns void"
    " language sql as 'select'",
    "groups of reads": "ablo.groups_sql(p_model ablo.model, p_groups text[])"
    " returns text language sql as 'select ''''::text'",
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_checks_catch_mutants(own_board: Board, name: str) -> None:
    keys = Keys(own_board)
    owner = own_board.caller(participant="user:owner")
    owner.commit(create("p2", "projects", name="x"), create("t2", projectId="p2"))
    agent: Holder = bound(keys, "projects:p1", operations=("tasks.read", "tasks.update"))
    caught = {
        "operations": lambda: code_of(agent.ask, "row_list", "projects", "{}") != DENIED,
        "groups of writes": lambda: code_of(agent.write, update("t2", count=1)) != DENIED,
        "groups of reads": lambda: ids(agent) != [],
    }
    assert not caught[name]()
    own_board.run(f"create or replace function {MUTANTS[name]}")
    assert caught[name]()
