"""What clients of the older generation send and read over HTTP, as they were seen to."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
async def old(api: Any) -> Any:
    """A caller that names no protocol version."""
    return api


async def test_bodies_with_keys_of_their_own_are_taken(old: Any) -> None:
    body = {"idempotencyKey": "k1", "id": "t1", "data": {"title": "h", "status": "todo"}}
    made = await old("POST", "/api/v1/models/tasks", body, idempotency_key="k1")
    assert made.status_code == 201
    assert made.json().keys() >= {"serverTxId", "status", "lastSyncId"}
    patch = {"idempotencyKey": "k2", "data": {"status": "doing"}, "wait": "confirmed"}
    row = "/api/v1/models/tasks/t1"
    assert (await old("PATCH", row, patch, idempotency_key="k2")).status_code == 200
    assert (await old("DELETE", row, {"idempotencyKey": "k3"})).json()["clientTxId"] == "k3"


async def test_a_commit_names_its_claim_once(old: Any) -> None:
    await old.create("tasks", "t1", title="x")
    held = (
        await old("POST", "/api/v1/models/tasks/t1/claim", {"action": "A", "queue": True})
    ).json()
    assert (held["id"], held["status"]) == (held["claim"]["id"], "active")
    operation = {"action": "update", "model": "tasks", "id": "t1", "data": {"title": "y"}}
    body = {
        "operations": [operation],
        "idempotencyKey": "c",
        "clientTxId": "c",
        "claim": held["id"],
    }
    assert (await old("POST", "/api/v1/commits", body)).status_code == 200
    await old("DELETE", "/api/v1/models/tasks/t1/claim")
    late = body | {"idempotencyKey": "d", "clientTxId": "d"}
    answer = await old("POST", "/api/v1/commits", late)
    assert answer.json()["code"] == "claim_lost"


async def test_claims_are_read_as_claims_and_queue(old: Any, as_: Any) -> None:
    await old.create("tasks", "t1", title="x")
    other = await as_("agent:b")
    body = {"action": "editing", "queue": True, "description": "d"}
    await old("POST", "/api/v1/models/tasks/t1/claim", body)
    queued = await other("POST", "/api/v1/models/tasks/t1/claim", {"action": "A", "queue": True})
    assert (queued.status_code, queued.json()["status"]) == (202, "queued")
    line = (await old("GET", "/api/v1/claims?model=tasks&id=t1")).json()
    assert [claim["action"] for claim in line["claims"]] == ["d"]
    assert [claim["reason"] for claim in line["queue"]] == ["A"]


async def test_reads_have_data_stamp_and_claims(old: Any) -> None:
    await old.create("tasks", "t1", title="x")
    assert (await old("GET", "/api/v1/models/tasks/t1")).json().keys() >= {
        "data",
        "stamp",
        "claims",
    }
    listed = (await old("GET", "/api/v1/models/tasks?status=todo")).json()
    assert listed["evidence"] == [{"id": "t1", "stamp": listed["stamp"]}]


@pytest.mark.parametrize("path", ["/api/v1/datasources", "/v1/datasources"])
async def test_a_database_url_is_registered_at_every_start(old: Any, path: str) -> None:
    body = {"connectionString": "postgres://u:hush@db.example/x", "schema": "public"}
    for _ in range(2):
        answer = await old("POST", path, body)
        assert answer.status_code == 201
        assert "hush" not in answer.text
        assert "db.example" not in answer.text  # it is neither kept nor dialled
    assert [one["id"] for one in (await old("GET", path)).json()["data"]] == ["ds_main"]
    answer = await old("POST", path, {"connection": "endpoint", "endpoint": "https://x.example"})
    assert answer.status_code == 400
    assert answer.json()["code"] == "datasource_connection_unsupported"
    answer = await old("POST", path, {"connectionString": "not a url"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
