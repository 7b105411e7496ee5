"""The login that wrote is noted, whoever the session says that it acts as."""

from __future__ import annotations

from .board import Board, create, update


def test_a_forged_actor_stands_beside_the_login_that_forged_it(board: Board) -> None:
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
    caller.commit(update("t1", title="again"), key="k2")
    login = caller.conn.info.user
    query = "select actor, login from ablo.delta where organization_id = '{org}' order by sync_id"
    forged = ("user:boss", login)
    mine = ("user:ann", login)
    assert board.rows(query) == [mine, forged, forged, mine]
    receipts = "select distinct login from ablo.receipt where organization_id = '{org}'"
    assert board.rows(receipts) == [(login,)]


def test_an_administrator_is_told_from_the_programs(board: Board) -> None:
    board.caller().commit(create("t2"))
    board.run("update tasks set title = 'x' where id = 't2' and organization_id = '{org}'")
    query = "select login from ablo.delta where organization_id = '{org}' order by sync_id"
    logins = [login for (login,) in board.rows(query)]
    assert logins == [board.caller().conn.info.user, board.admin.info.user]
