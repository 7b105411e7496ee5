"""The login that wrote is noted, whoever the session says that it acts as."""

from __future__ import annotations

import pytest

from .board import Board, create, update
from .invariants.i4_mutants import Mutant
from .setwise import ROWS, item, setwise

ACQUIRE = "select ablo.claim_acquire(%s, 'agent:b', 'tasks', 't1', '{}', null, null, null)"
# What a session chooses itself: the role it acts as, its participant, its name.
CHOSEN = [
    "current_user",
    "current_setting('role')",
    "current_setting('app.current_participant_id', true)",
    "current_setting('application_name')",
]
# Routines that store what their caller says.
TOLD = {
    "a commit": (
        ("commit_run", "transport, reads,", "transport, login, reads,"),
        ("commit_run", "p_transport,\n          nullif", "p_transport, p_participant, nullif"),
    ),
    "a held commit": (
        ("commit_hold", "transport, reads,", "transport, login, reads,"),
        ("commit_hold", "p_transport,\n          p_req", "p_transport, p_participant, p_req"),
    ),
    "the log of a batch": (
        ("batch_write", "entered_groups)\n", "entered_groups, login)\n"),
        ("batch_write", "w.entered_groups\n", "w.entered_groups, w.participant\n"),
    ),
    "the receipts of a batch": (
        ("batch_write", "capability_id)\n    select", "capability_id, login)\n    select"),
        ("batch_write", "r.transport, r.capability from", "r.transport, r.capability, r.key from"),
    ),
    "an act": (
        ("audit_note", "act, subject)", "act, subject, login)"),
        ("audit_note", "p_act, p_subject)", "p_act, p_subject, p_actor)"),
    ),
}


def forge(board: Board) -> None:
    """Write through each routine that logs or keeps receipts, under participants and roles that
    are not the login's; look at what was noted."""
    caller = board.caller(participant="user:ann")
    caller.commit(create("t1"), key="k1")
    for set_login in ("set role ablo_runtime", "reset role"):
        caller.conn.execute(set_login)
        with caller.conn.transaction():
            caller.conn.execute(
                "select set_config('app.current_org_id', %s, true),"
                " set_config('app.current_participant_id', 'user:boss', true)",
                [caller.organization],
            )
            caller.conn.execute("update tasks set title = 'forged' where id = 't1'")
    claim = caller.call(ACQUIRE, caller.organization)["claim"]["id"]
    caller.call("select ablo.claim_break(%s, 'user:ann', %s)", caller.organization, claim)
    caller.commit(update("t1", title="again"), key="k2")
    moved = {"model": "tasks", "id": "t1", "readAt": 1, "onStale": "notify"}
    assert caller.commit(create("t2"), reads=[moved], key="k3")["ops"] == 0
    caller.batch(item(create(f"b{n}")) for n in range(ROWS))
    assert setwise(board) == ROWS
    login = caller.conn.info.user
    query = "select actor, login from ablo.delta where organization_id = '{org}' order by sync_id"
    forged = ("user:boss", login)
    mine = ("user:ann", login)
    assert board.rows(query) == [mine, forged, forged, mine, *[mine] * ROWS]
    for table in ("receipt", "audit_act"):
        noted = f"select distinct login from ablo.{table} where organization_id = '{{org}}'"
        assert board.rows(noted) == [(login,)]


def test_a_forged_actor_stands_beside_the_login_that_forged_it(board: Board) -> None:
    forge(board)


@pytest.mark.parametrize("table", ["delta", "receipt", "audit_act"])
@pytest.mark.parametrize("chosen", CHOSEN)
def test_a_login_that_a_session_chooses_is_caught(
    own_board: Board, table: str, chosen: str
) -> None:
    own_board.run(f"alter table ablo.{table} alter column login set default {chosen}")
    with pytest.raises(AssertionError):
        forge(own_board)


@pytest.mark.parametrize("table", ["delta", "receipt", "audit_act"])
def test_a_login_that_is_not_noted_is_caught(own_board: Board, table: str) -> None:
    own_board.run(f"alter table ablo.{table} alter column login drop default")
    with pytest.raises(AssertionError):
        forge(own_board)


@pytest.mark.parametrize("told", TOLD)
def test_a_routine_that_stores_what_it_is_told_is_caught(own_board: Board, told: str) -> None:
    Mutant((), TOLD[told]).install(own_board)
    with pytest.raises(AssertionError):
        forge(own_board)


def test_an_administrator_is_told_from_the_programs(board: Board) -> None:
    board.caller().commit(create("t2"))
    board.run("update tasks set title = 'x' where id = 't2' and organization_id = '{org}'")
    query = "select login from ablo.delta where organization_id = '{org}' order by sync_id"
    logins = [login for (login,) in board.rows(query)]
    assert logins == [board.caller().conn.info.user, board.admin.info.user]
