"""Hot claim routines keep their plans: in a session that has made some calls, one plans nothing."""

from __future__ import annotations

import json
from typing import Any, Final

import psycopg

from .board import Board, create

WARM: Final = 10  # calls after which Postgres has settled on a plan
ROUNDS: Final = 3  # some other session's DDL or ANALYZE spoils one now and then
CALLS: Final = {
    "acquire": "select ablo.claim_acquire(%(org)s, 'agent:a', 'tasks', 't1', %(a)s)",
    "wait": "select ablo.claim_acquire(%(org)s, 'agent:b', 'tasks', 't1', %(b)s)",
    "check": "select ablo.claim_get(%(org)s, 'agent:b', %(b_id)s, true)",
    "renew": "select ablo.claim_heartbeat(%(org)s, 'agent:a', %(a_id)s)",
    "grant": "select ablo.claim_release(%(org)s, 'agent:a', %(a_id)s)",
    "look": "select ablo.claim_get(%(org)s, 'agent:b', %(b_id)s, true)",
    "release": "select ablo.claim_release(%(org)s, 'agent:b', %(b_id)s)",
    "field": "select ablo.claim_acquire(%(org)s, 'agent:a', 'tasks', 't1', %(c)s)",
    "wait for it": "select ablo.claim_acquire(%(org)s, 'agent:b', 'tasks', 't1', %(d)s)",
    "grant it": "select ablo.claim_release(%(org)s, 'agent:a', %(c_id)s)",
    "release it": "select ablo.claim_release(%(org)s, 'agent:b', %(d_id)s)",
}


def test_nothing_is_planned_at_each_call(board: Board) -> None:
    board.caller(participant="user:ann").commit(create("t1"))
    conn = board.connect_admin()
    planned: list[str] = []
    conn.add_notice_handler(
        lambda said: (
            planned.append(said.message_primary or "")
            if said.message_primary == "PLANNER STATISTICS"
            else None
        )
    )
    found: dict[str, list[int]] = {name: [] for name in CALLS}
    for turn in range(WARM + ROUNDS):
        if turn == WARM:
            conn.execute("set log_planner_stats = on; set client_min_messages = log")
        for name, made in calls(conn, board.organization, turn).items():
            found[name].append(made(planned))
    fewest = {name: min(counts[WARM:]) for name, counts in found.items()}
    assert fewest == dict.fromkeys(CALLS, 0)


def calls(conn: psycopg.Connection[Any], organization: str, turn: int) -> dict[str, Any]:
    """Return each call of a turn; made, it returns how often the planner has run."""
    given = {"org": organization}
    for one in "abcd":
        fields = ["title"] if one in "cd" else None
        request = json.dumps({"claimId": f"{one}{turn}", "fields": fields})
        given |= {one: request, f"{one}_id": f"{one}{turn}"}

    def call(name: str, planned: list[str]) -> int:
        planned.clear()
        conn.execute(CALLS[name].encode(), given, prepare=True)
        return len(planned)

    return {name: lambda planned, name=name: call(name, planned) for name in CALLS}
