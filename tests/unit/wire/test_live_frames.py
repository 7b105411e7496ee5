"""Frames in and out: both generations of clients, strict shapes, no null that must be absent."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ablo_pg.errors import AbloError, error_for
from ablo_pg.wire import live
from ablo_pg.wire.frames import (
    ClaimBegin,
    ClaimHeartbeat,
    Commit,
    Frame,
    SyncRequest,
    beat_details,
    claim_request,
    commit_request,
    cursor_of,
    read_frame,
    read_payload,
)

CLAIM = {
    "claimId": "c1",
    "entityType": "tasks",
    "entityId": "t1",
    "heldBy": "agent:b",
    "heldByKind": "agent",
    "description": "B edits",
    "action": "B edits",
    "declaredAt": 1000,
    "expiresAt": 2000,
    "fenceToken": 3,
    "readAt": 8,
    "ticket": 5,
    "ttlMs": 90000,
    "status": "active",
    "fields": None,
}


def payload(kind: Any, **given: Any) -> Any:
    text = json.dumps({"type": "x", "payload": given}).encode()
    return read_payload(read_frame(text, 64), kind, 64)


def test_a_frame_without_payload_has_an_empty_one() -> None:
    assert bytes(read_frame(b'{"type":"ping"}', 64).payload) == b"{}"


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'"x"', b"{", b"\xff", b'{"type":1}', b'{"payload":{}}']
)
def test_what_is_no_frame(text: bytes) -> None:
    with pytest.raises(AbloError) as caught:
        read_frame(text, 64)
    assert caught.value.code in ("invalid_json", "invalid_body")


@pytest.mark.parametrize(
    ("given", "position"),
    [
        ({"cursor": None, "lastSyncId": 0}, None),
        ({"cursor": "", "lastSyncId": 0}, None),
        ({}, None),
        ({"cursor": "0", "lastSyncId": 0}, 0),
        ({"cursor": "50", "lastSyncId": 54}, 54),
        ({"cursor": "54", "lastSyncId": 50}, 54),
        ({"cursor": None, "lastSyncId": 50}, 50),
        ({"cursor": 50}, 50),
    ],
)
def test_the_higher_of_two_positions(given: dict[str, Any], position: int | None) -> None:
    assert payload(SyncRequest, **given).position == position


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "1" * 19, "١"])
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(AbloError) as caught:
        cursor_of(cursor)
    assert caught.value.code == "cursor_invalid"


def test_a_commit_becomes_the_kernel_s_request() -> None:
    operation = {"type": "UPDATE", "model": "tasks", "id": "t1", "input": {"title": "b"}}
    guards = {"readAt": 2, "onStale": "reject", "claimId": "mine", "fenceToken": 3}
    commit = payload(
        Commit,
        operations=[
            {**operation, **guards, "transactionId": "tx"},
            {**operation, "type": "DELETE"},
        ],
        clientTxId="c",
        causedByTaskId="task",
        reads=[{"model": "tasks", "id": "t2", "readAt": 1}],
    )
    request = json.loads(commit_request(commit, ["tasks", "tasks"], {"mine": "kernel"}))
    assert request["operations"][0] == {
        "action": "update",
        "model": "tasks",
        "id": "t1",
        "data": {"title": "b"},
        "readAt": 2,
        "onStale": "reject",
        "claimId": "kernel",
        "fenceToken": 3,
        "transactionId": "tx",
    }
    assert request["operations"][1]["action"] == "delete"
    assert request["reads"] == [{"model": "tasks", "id": "t2", "readAt": 1}]
    assert "track" not in request


def test_numbers_of_a_row_go_through_as_they_were_sent() -> None:
    operation = b'{"type":"CREATE","model":"m","id":"1","input":{"n":1.50}}'
    text = msgspec.Raw(b'{"clientTxId":"c","operations":[' + operation + b"]}")
    commit = read_payload(Frame("commit", text), Commit, 64)
    assert b'"data":{"n":1.50}' in commit_request(commit, ["m"], {})


@pytest.mark.parametrize("word", ["description", "action"])
def test_a_claim_says_what_for_in_either_word(word: str) -> None:
    begin = payload(ClaimBegin, claimId="c", entityType="tasks", entityId="t", **{word: "edits"})
    request = json.loads(claim_request(begin))
    assert request == {"claimId": "c", "description": "edits", "ttl": "90s", "queue": True}


def test_lengths_are_milliseconds_and_not_too_short() -> None:
    given = {"claimId": "c", "entityType": "tasks", "entityId": "t"}
    for milliseconds, ttl in ((30000, "30000ms"), (5, "1000ms"), (1500.4, "1500ms")):
        begin = payload(ClaimBegin, **given, estimatedMs=milliseconds)
        assert json.loads(claim_request(begin))["ttl"] == ttl
    beat = ClaimHeartbeat("c", 30000, {"done": 1})
    assert json.loads(beat_details(beat)) == {"ttl": "30000ms", "details": {"done": 1}}
    assert json.loads(beat_details(ClaimHeartbeat("c"))) == {}


def test_a_summary_has_its_keys_and_no_nulls() -> None:
    found = live.summary(CLAIM)
    assert found.keys() >= {"claimId", "entityType", "entityId", "declaredAt", "expiresAt"}
    assert found["heldBy"] == "b"
    assert found["description"] == found["action"] == found["reason"] == "B edits"
    assert None not in found.values()
    assert live.active_claim(CLAIM)["status"] == "active"


def test_a_grant() -> None:
    assert live.granted("mine", "tasks", CLAIM) == {
        "claimId": "mine",
        "target": {"entityType": "tasks", "entityId": "t1"},
        "fenceToken": 3,
        "readAt": 8,
        "expiresAt": 2000,
    }


def test_a_place_in_line_names_who_is_before_it() -> None:
    found = live.queued("mine", {"entityType": "tasks", "entityId": "t1"}, 0, [CLAIM])
    assert found["position"] == 0
    assert found["reason"] == "conflict"
    assert found["heldByClaim"] == live.summary(CLAIM)
    assert live.queued("mine", {}, 1, []) == {"claimId": "mine", "position": 1, "target": {}}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("claim_conflict", "conflict"),
        ("entity_claimed", "conflict"),
        ("capability_scope_denied", "capability_denied"),
        ("server_execute_unknown_model", "invalid_target"),
        ("claim_lost", "expired"),
        ("database_unreachable", "coordination_unavailable"),
    ],
)
def test_a_refusal_gives_one_of_the_known_reasons(code: str, reason: str) -> None:
    error = error_for(code, "held", details={"claims": [CLAIM]})
    found = live.rejected("mine", {}, error)
    assert found["claimId"] == "mine"
    assert found["reason"] == reason
    assert found["heldByClaimId"] == "c1"


def test_a_line_is_whole_also_when_it_is_empty() -> None:
    assert live.line("tasks", "t1", []) == {"target": {"type": "tasks", "id": "t1"}, "queue": []}
    queue: Any = live.line("tasks", "t1", [CLAIM])["queue"]
    [waiter] = queue
    wanted = {"object", "id", "status", "target", "position", "expiresAt"}
    assert waiter.keys() >= wanted
    assert waiter["object"] == "claim"
    assert waiter["status"] == "queued"
    assert waiter["participantKind"] == "agent"


def test_presence_says_who_and_what_is_held() -> None:
    here = {"status": "busy", "activity": None, "meta": {"timezone": "UTC"}, "seenAt": 7}
    found = live.presence("update", "agent:b", here, [CLAIM], 9)
    assert found == {
        "kind": "update",
        "userId": "b",
        "status": "busy",
        "syncGroups": ["default"],
        "timestamp": 7,
        "isAgent": True,
        "participantKind": "agent",
        "timezone": "UTC",
        "activeClaims": [live.active_claim(CLAIM)],
    }
    left = live.presence("leave", "user:a", None, [CLAIM], 9)
    assert (left["status"], left["activeClaims"], left["timestamp"]) == ("offline", [], 9)


def test_a_commit_that_failed() -> None:
    error = error_for("stale_context", "moved", details={"conflicts": [{"id": "t1"}]})
    found = live.failed_commit("c", error, "2026-01-01T00:00:00.000Z", serverTxId="")
    assert found["clientTxId"] == "c"
    assert found["success"] is False
    assert found["status"] == "rejected"
    assert found["error"]["code"] == "stale_context"  # type: ignore[index]
    assert found["error"]["conflicts"] == [{"id": "t1"}]  # type: ignore[index]
