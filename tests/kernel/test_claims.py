"""Claims as their callers see them: acquire, wait in line, renew, release, reorder, break."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ablo_pg.errors import AbloError

from .board import Board, create, update
from .claim_calls import Claimer, claim_id, claimer, status
from .staging import holding


@pytest.fixture
def row(board: Board) -> str:
    """A task to fight over."""
    board.caller(participant="user:ann").commit(create("t1"))
    return "t1"


@pytest.fixture
def crew(board: Board, row: str) -> list[Claimer]:
    """Four agents."""
    return [claimer(board, name) for name in "abcd"]


def expire(board: Board, *answers: Any) -> None:
    """Let leases run out at once."""
    ids = [claim_id(one) for one in answers]
    board.admin.execute(
        "update ablo.claim set expires_at = clock_timestamp() where id = any (%s)",
        (ids,),
    )


def refused(code: str, call: Any, *args: Any, **kwargs: Any) -> AbloError:
    with pytest.raises(AbloError) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, caught.value
    return caught.value


def test_a_free_row_is_granted_at_once_with_the_row_as_it_is(crew: list[Claimer]) -> None:
    stamp = crew[0].stamp("t1")
    answer = crew[0].acquire(description="tidy", ttl="30s", meta={"n": [1, None]})
    claim = answer["claim"]
    assert status(answer) == "active"
    assert (answer["data"]["title"], answer["stamp"], claim["readAt"]) == ("t1", stamp, stamp)
    assert claim["target"] == {"model": "tasks", "id": "t1", "meta": {"n": [1, None]}}
    assert (claim["heldBy"], claim["participantKind"]) == ("agent:a", "agent")
    assert {claim[name] for name in ("description", "action", "reason")} == {"tidy"}
    assert claim["ttlMs"] == 30_000
    assert claim["expiresAt"] - claim["grantedAt"] == 30_000
    assert "position" not in claim


def test_the_next_in_line_gets_the_row_as_the_holder_left_it(crew: list[Claimer]) -> None:
    a, b = crew[:2]
    held, waiting = a.acquire(), b.acquire()
    a.commit(update("t1", title="mine") | {"claimId": claim_id(held)})
    a.release(held)
    answer = b.look(waiting)
    assert answer["data"]["title"] == "mine"
    assert answer["claim"]["fenceToken"] > held["claim"]["fenceToken"]


def test_a_waiter_learns_what_stands_before_it(crew: list[Claimer]) -> None:
    held, first = crew[0].acquire(description="tidy"), crew[1].acquire()
    second = crew[2].acquire()
    assert [one["claimId"] for one in first["blockedBy"]] == [claim_id(held)]
    assert first["blockedBy"][0]["heldBy"] == "agent:a"
    assert first["blockedBy"][0]["description"] == "tidy"
    assert [one["claimId"] for one in second["blockedBy"]] == [claim_id(held), claim_id(first)]
    assert 0 < first["recheckMs"] <= 5000


def test_queue_false_refuses_and_leaves_no_trace(board: Board, crew: list[Claimer]) -> None:
    crew[0].acquire(description="tidy")
    error = refused("claim_conflict", crew[1].acquire, queue=False)
    assert error.details["heldBy"] == "agent:a"
    assert error.details["claims"][0]["description"] == "tidy"
    assert "agent:a (tidy) until" in str(error)
    assert board.count("ablo.claim") == 1


def test_a_line_that_is_too_long_refuses(board: Board, crew: list[Claimer]) -> None:
    for one in crew[:3]:
        one.acquire()
    refused("queue_too_deep", crew[3].acquire, maxDepth=2)
    assert status(crew[3].acquire(maxDepth=3)) == "queued"


def test_a_claim_is_reentrant_for_its_participant(board: Board, crew: list[Claimer]) -> None:
    held = crew[0].acquire(ttl="5s")
    again = claimer(board, "a").acquire(ttl="60s")
    assert claim_id(again) == claim_id(held)
    assert again["claim"]["fenceToken"] == held["claim"]["fenceToken"]
    assert again["claim"]["ttlMs"] == 60_000
    assert status(crew[0].acquire(fields=["title"])) == "active"


def test_a_free_field_is_not_granted_past_a_waiter_for_the_row(crew: list[Claimer]) -> None:
    a, b, c, _ = crew
    held = a.acquire(fields=["title"])
    whole, field = b.acquire(), c.acquire(fields=["status"])
    assert (status(whole), status(field)) == ("queued", "queued")
    a.release(held)
    assert (status(b.look(whole)), status(c.look(field))) == ("active", "queued")


def test_an_expired_holder_loses_to_the_next(board: Board, crew: list[Claimer]) -> None:
    held, waiting = crew[0].acquire(), crew[1].acquire()
    expire(board, held)
    assert status(crew[1].look(waiting)) == "active"
    assert status(crew[0].look(held)) == "expired"
    refused("claim_lost", crew[0].beat, held)
    assert not crew[0].release(held)


def test_a_beat_renews_and_says_how_long_the_line_is(crew: list[Claimer]) -> None:
    held, waiting = crew[0].acquire(ttl=10), crew[1].acquire()
    beat = crew[0].beat(held, ttl="1m", details={"done": 3})
    assert (beat["status"], beat["queueDepth"], beat["ttlMs"]) == ("held", 1, 60_000)
    assert crew[0].look(held)["claim"]["meta"] == {"progress": {"done": 3}}
    assert (crew[1].beat(waiting)["status"], crew[1].beat(waiting)["position"]) == ("queued", 0)
    refused("claim_lost", crew[1].beat, held)
    refused("claim_not_found", crew[1].beat, {"claim": {"id": "clm_none"}})


def test_one_beat_renews_all_that_a_participant_has(board: Board, crew: list[Claimer]) -> None:
    held, other = crew[0].acquire(), crew[1].acquire()
    mine = crew[0].acquire("t2")
    assert crew[0].beat_all() == {claim_id(held): "held", claim_id(mine): "held"}
    expire(board, mine)
    named = crew[0].beat_all(held, mine, other, ttl="5m")
    lost = {claim_id(mine): "lost", claim_id(other): "lost"}
    assert named == {claim_id(held): "held"} | lost
    assert crew[1].beat_all(other) == {claim_id(other): "queued"}


def test_renewed_claims_come_by_id(crew: list[Claimer]) -> None:
    """Not in the order of a plan, which changes with the statistics between two calls."""
    made = [crew[0].acquire(f"r{n}") for n in range(12)]
    by_id = sorted(claim_id(each) for each in made)
    assert list(crew[0].beat_all()) == list(crew[0].beat_all(*made)) == by_id


def test_state_and_queue(crew: list[Claimer]) -> None:
    assert crew[0].line() == {"claims": [], "queue": []}
    held, first, second = crew[0].acquire(), crew[1].acquire(), crew[2].acquire(fields=["title"])
    line = crew[3].line()
    assert [one["id"] for one in line["claims"]] == [claim_id(held)]
    assert [one["id"] for one in line["queue"]] == [claim_id(first), claim_id(second)]
    assert [one["position"] for one in line["queue"]] == [0, 1]
    assert [b["heldBy"] for b in line["queue"][1]["blockedBy"]] == ["agent:a", "agent:b"]
    assert crew[3].line(None, None)["claims"] == line["claims"]
    assert crew[3].line(participant="agent:b")["claims"] == []


def test_a_holder_reorders_its_line_and_a_waiter_may_not(board: Board, crew: list[Claimer]) -> None:
    a, b, c, d = crew
    held = a.acquire()
    waiting = [one.acquire() for one in (b, c, d)]
    refused("permission_denied", d.reorder, waiting[2])
    a.reorder(waiting[2])
    assert [one["heldBy"] for one in a.line()["queue"]] == ["agent:d", "agent:b", "agent:c"]
    claimer(board, "ann", "user").reorder(waiting[1], waiting[0])
    assert [one["heldBy"] for one in a.line()["queue"]] == ["agent:c", "agent:b", "agent:d"]
    refused("claim_not_found", a.reorder, claim_id(held))
    refused("claim_not_found", a.reorder, "clm_none")
    a.release(held)
    assert status(c.look(waiting[1])) == "active"


def test_a_user_breaks_a_claim_and_the_holder_is_told(board: Board, crew: list[Claimer]) -> None:
    held, waiting = crew[0].acquire(), crew[1].acquire()
    refused("permission_denied", crew[1].break_, held)
    ann = claimer(board, "ann", "user")
    assert ann.break_(held)
    assert not ann.break_(held)
    assert status(crew[1].look(waiting)) == "active"
    write = update("t1", title="x") | {"claimId": claim_id(held)}
    error = refused("claim_lost", crew[0].commit, write)
    assert error.details["status"] == "canceled"
    assert crew[0].look(held)["claim"]["meta"]["brokenBy"] == "user:ann"


def test_leaving_a_row_leaves_its_line_too(crew: list[Claimer]) -> None:
    held, waiting = crew[0].acquire(), crew[1].acquire()
    assert crew[1].release_row()
    assert not crew[1].release_row()
    assert status(crew[1].look(waiting)) == "canceled"
    assert crew[0].release_row()
    assert status(crew[0].look(held)) == "committed"


def test_a_row_that_is_not_there_can_be_claimed(crew: list[Claimer]) -> None:
    answer = crew[0].acquire("new")
    assert (status(answer), answer["data"]) == ("active", None)
    refused("entity_claimed", crew[1].commit, create("new"))
    crew[0].commit(create("new"), update("new", title="mine"))
    assert status(crew[0].look(answer)) == "active"


def test_caps_hold(crew: list[Claimer]) -> None:
    for index in range(64):
        crew[0].acquire(f"r{index}")
    refused("quota_exceeded", crew[0].acquire, "one more")
    for index in range(32):
        crew[1].acquire(f"r{index}")
    refused("quota_exceeded", crew[1].acquire, "r40")


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"ttl": "soon"}, "duration_invalid", "ttl"),
    ({"ttl": 0}, "duration_invalid", "ttl"),
    ({"ttl": [1]}, "duration_invalid", "ttl"),
    ({"ttl": "1e9h"}, "duration_invalid", "ttl"),
    ({"fields": "title"}, "invalid_request", "fields"),
    ({"fields": ["a,b"]}, "invalid_request", "fields"),
    ({"fields": [1]}, "invalid_request", "fields"),
    ({"queue": "no"}, "invalid_request", "queue"),
    ({"maxDepth": -1}, "invalid_request", "maxDepth"),
    ({"maxDepth": "x"}, "invalid_request", "maxDepth"),
    ({"meta": [1]}, "invalid_request", "meta"),
    ({"claimId": ""}, "invalid_request", "claimId"),
    ({"claimId": "x" * 256}, "invalid_request", "claimId"),
    ({"meta": {"x": [str(n) * 9 for n in range(4000)]}}, "request_too_large", "meta"),
]


@pytest.mark.parametrize(("request_", "code", "field"), BAD)
def test_bad_requests_name_the_field(
    board: Board, crew: list[Claimer], request_: dict[str, Any], code: str, field: str
) -> None:
    assert refused(code, crew[0].acquire, **request_).field == field
    assert board.count("ablo.claim") == board.count("ablo.claim_target") == 0


@pytest.mark.parametrize(
    ("ttl", "milliseconds"),
    [(None, 60_000), ("500ms", 500), ("1.5s", 1500), (30, 30_000), ("2m", 120_000),
     ("24h", 86_400_000), ("1ms", 250), ("900h", 86_400_000)],
)  # fmt: skip
def test_ttls(crew: list[Claimer], ttl: Any, milliseconds: int) -> None:
    assert crew[0].acquire(ttl=ttl)["claim"]["ttlMs"] == milliseconds


def test_unknown_models_and_ids(crew: list[Claimer]) -> None:
    refused("server_execute_unknown_model", crew[0].acquire, "t1", "nothing")
    refused("model_not_tenant_scoped", crew[0].acquire, "t1", "countries")
    refused("invalid_id", crew[0].acquire, "")
    refused("claim_lost", crew[0].commit, update("t1", title="x") | {"claimId": "clm_none"})


def test_an_ended_claims_id_is_not_used_again(crew: list[Claimer]) -> None:
    held = crew[0].acquire(claimId="one")
    crew[0].release(held)
    refused("claim_lost", crew[0].acquire, claimId="one")
    refused("claim_lost", crew[1].acquire, claimId="one")


def test_old_claims_and_their_targets_are_forgotten_but_tokens_are_not(
    own_board: Board,
) -> None:
    a = claimer(own_board, "a")
    a.commit(create("t1"))
    held = a.acquire()
    a.release(held)
    own_board.run("update ablo.claim set ended_at = ended_at - interval '1 hour'")
    assert own_board.value("select ablo.claim_sweep()") == 1
    assert own_board.count("ablo.claim") == own_board.count("ablo.claim_target") == 0
    token = held["claim"]["fenceToken"]
    stale = update("t1", title="x") | {"fenceToken": token}
    refused("fence_token_stale", a.commit, stale)
    assert a.acquire()["claim"]["fenceToken"] > token
    refused("claim_not_found", a.look, held)


def test_the_target_of_a_waiter_that_left_a_written_row_is_forgotten_too(own_board: Board) -> None:
    """Its first claim waits for a writer, so its token belongs to no grant."""
    a = claimer(own_board, "a")
    a.commit(create("t1"))
    with holding(own_board.connect_admin(), "select from tasks where id = 't1' for update"):
        queued = a.acquire()
    assert status(queued) == "queued"
    assert a.release(queued)
    own_board.run("update ablo.claim set ended_at = ended_at - interval '1 hour'")
    assert own_board.value("select ablo.claim_sweep()") == 1
    assert own_board.count("ablo.claim_target") == 0


def test_a_look_at_a_held_claim_has_the_rows_stamp(own_board: Board) -> None:
    """The grant's while the row and the log are as they were; else the row's own."""
    a = claimer(own_board, "a")
    a.commit(create("t1"))
    held = a.acquire()
    assert a.look(held)["stamp"] == held["stamp"] == held["claim"]["readAt"]
    a.commit(create("t2"))
    assert a.look(held)["stamp"] == held["stamp"]
    a.commit(update("t1", title="new"))
    after = a.look(held)
    assert (after["data"]["title"], after["stamp"]) == ("new", a.stamp("t1"))
    assert after["stamp"] > held["stamp"]
    a.release(held)
    held = a.acquire()
    a.commit(create("t3"))
    own_board.run(
        "update ablo.log_state set dropped_through = (select last_value from ablo.sync_id)"
    )
    own_board.run("delete from ablo.delta")
    dropped = own_board.value("select dropped_through from ablo.log_state")
    assert held["claim"]["readAt"] < dropped
    assert a.look(held)["stamp"] >= dropped


def test_a_look_ends_an_expired_lease_and_renews_one_that_is_due(
    board: Board, crew: list[Claimer]
) -> None:
    held = crew[0].acquire()
    until = held["claim"]["expiresAt"]
    assert crew[0].look(held, renew=True)["claim"]["expiresAt"] == until
    board.admin.execute(
        "update ablo.claim set expires_at = expires_at - ttl / 2 where id = %s", (claim_id(held),)
    )
    assert crew[0].look(held)["claim"]["expiresAt"] < until
    assert crew[0].look(held, renew=True)["claim"]["expiresAt"] >= until
    expire(board, held)
    assert status(crew[0].look(held)) == "expired"


def test_claims_of_a_row_and_of_fields_have_the_same_keys(crew: list[Claimer]) -> None:
    whole = crew[0].acquire()["claim"]
    crew[0].release_row()
    part = crew[0].acquire(fields=["title"])["claim"]
    assert part["target"].pop("fields") == ["title"]
    assert whole.keys() == part.keys()
    assert {key for key in whole if whole[key] is None} == {
        key for key in part if part[key] is None
    }
    assert whole["target"] == part["target"]


def test_claims_are_json_all_through(crew: list[Claimer]) -> None:
    answer = crew[0].acquire(description='a "quoted" \\ text', meta={"deep": {"x": None}})
    assert json.loads(json.dumps(answer))["claim"]["meta"] == {"deep": {"x": None}}
