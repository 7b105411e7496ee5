"""The login that wrote is noted, whoever the session says that it acts as."""

from __future__ import annotations

import pytest

from .board import Board, create, update

ACQUIRE = "select ablo.claim_acquire(%s, 'agent:b', 'tasks', 't1', '{}', null, null, null)"
# What a session chooses itself: the role it acts as, its participant, its name.
CHOSEN = [
    "current_user",
    "current_setting('role')",
    "current_setting('app.current_participant_id', true)",
    "current_setting('application_name')",
]


def forge(board: Board) -> None:
    """Write under a participant and a role that are not the login's; look at what was noted."""
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
    login = caller.conn.info.user
    query = "select actor, login from ablo.delta where organization_id = '{org}' order by sync_id"
    forged = ("user:boss", login)
    mine = ("user:ann", login)
    assert board.rows(query) == [mine, forged, forged, mine]
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


def test_an_administrator_is_told_from_the_programs(board: Board) -> None:
    board.caller().commit(create("t2"))
    board.run("update tasks set title = 'x' where id = 't2' and organization_id = '{org}'")
    query = "select login from ablo.delta where organization_id = '{org}' order by sync_id"
    logins = [login for (login,) in board.rows(query)]
    assert logins == [board.caller().conn.info.user, board.admin.info.user]
