"""Who is here, on what, with which claims."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import Board, Caller
from .claim_calls import claimer


def beat(who: Caller, session: str = "s1", **request: Any) -> Any:
    query = "select ablo.presence_beat(%s, %s, %s, %s)"
    return who.call(query, who.organization, who.participant, session, json.dumps(request))


def here(who: Caller, **filters: Any) -> dict[str, Any]:
    query = "select ablo.presence_list(%s, %s, %s)"
    found = who.call(query, who.organization, who.participant, json.dumps(filters))
    return {one["participant"]: one for one in found}


def leave(who: Caller, session: str = "s1") -> bool:
    query = "select ablo.presence_leave(%s, %s, %s)"
    return bool(who.call(query, who.organization, who.participant, session))


def test_who_says_so_is_here_until_it_leaves(board: Board) -> None:
    ann, bot = board.caller(participant="user:ann"), board.caller()
    assert here(ann) == {}
    assert beat(ann, ttl="30s", activity={"on": "t1"}, meta={"tab": None})["ttlMs"] == 30_000
    beat(bot, status="busy")
    found = here(ann)
    assert list(found) == ["agent:triage", "user:ann"]
    assert (found["user:ann"]["status"], found["agent:triage"]["status"]) == ("online", "busy")
    assert (found["user:ann"]["activity"], found["user:ann"]["meta"]) == (
        {"on": "t1"},
        {"tab": None},
    )
    assert list(here(ann, kind="user")) == ["user:ann"]
    assert list(here(ann, participant="agent:triage")) == ["agent:triage"]
    assert leave(ann)
    assert not leave(ann)
    assert list(here(bot)) == ["agent:triage"]


def test_a_beat_changes_only_what_it_names(board: Board) -> None:
    ann = board.caller(participant="user:ann")
    beat(ann, status="busy", activity={"on": "t1"})
    since = here(ann)["user:ann"]["since"]
    beat(ann)
    found = here(ann)["user:ann"]
    assert (found["status"], found["activity"], found["since"]) == ("busy", {"on": "t1"}, since)
    beat(ann, activity=None)
    assert here(ann)["user:ann"]["activity"] is None


def test_the_session_seen_last_speaks_and_each_ends_by_itself(board: Board) -> None:
    ann = board.caller(participant="user:ann")
    beat(ann, "one", status="here")
    beat(ann, "two", status="there")
    assert (here(ann)["user:ann"]["sessions"], here(ann)["user:ann"]["status"]) == (2, "there")
    board.run("update ablo.presence set expires_at = now() where session = 'two'")
    assert (here(ann)["user:ann"]["sessions"], here(ann)["user:ann"]["status"]) == (1, "here")
    board.run("update ablo.presence set expires_at = now()")
    assert here(ann) == {}


def test_claims_are_shown_with_and_without_a_session(board: Board) -> None:
    a, b = claimer(board, "a"), claimer(board, "b")
    beat(a)
    held, waiting = a.acquire(description="tidy"), b.acquire()
    found = here(a)
    assert [one["claimId"] for one in found["agent:a"]["claims"]] == [held["claim"]["id"]]
    assert found["agent:a"]["claims"][0]["description"] == "tidy"
    assert (found["agent:b"]["sessions"], found["agent:b"]["claims"]) == (0, [])
    (line,) = found["agent:b"]["waiting"]
    assert (line["claimId"], line["position"]) == (waiting["claim"]["id"], 0)


def test_sessions_are_bounded_and_dead_ones_are_forgotten(board: Board) -> None:
    ann = board.caller(participant="user:ann")
    for number in range(25):
        beat(ann, f"s{number}")
    assert here(ann)["user:ann"]["sessions"] == 20
    board.run("update ablo.presence set expires_at = now() - interval '2 minutes'")
    beat(board.caller(participant="user:bob"))
    assert board.count("ablo.presence") == 1


@pytest.mark.parametrize(
    ("session", "request_", "code", "field"),
    [
        ("", {}, "invalid_request", "session"),
        ("s", {"status": 3}, "invalid_request", "status"),
        ("s", {"status": ""}, "invalid_request", "status"),
        ("s", {"activity": "x"}, "invalid_request", "activity"),
        ("s", {"meta": []}, "invalid_request", "meta"),
        ("s", {"ttl": "long"}, "duration_invalid", "ttl"),
        ("s", {"meta": {"x": [str(n) * 9 for n in range(4000)]}}, "request_too_large", "activity"),
    ],
)
def test_bad_presences_name_the_field(
    board: Board, session: str, request_: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(AbloError) as caught:
        beat(board.caller(), session, **request_)
    assert (caught.value.code, caught.value.field) == (code, field)
