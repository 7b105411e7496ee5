"""Receipts are strict: newer clients take one with exactly the keys they know, or none at all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ablo_pg.wire.receipts import OPTIONAL, REQUIRED

from .world import World

pytestmark = pytest.mark.anyio

KEYS = {
    *("object", "clientTxId", "serverTxId", "createdAt", "statusAt", "success", "ops"),
    *("authority", "status", "lastSyncId"),
}


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


def is_strict(receipt: dict[str, Any], key: str) -> bool:
    """What a newer client checks before it believes a receipt."""
    created, status = (
        dt.datetime.fromisoformat(receipt[name]) for name in ("createdAt", "statusAt")
    )
    return (
        KEYS <= receipt.keys() <= KEYS | OPTIONAL
        and None not in receipt.values()
        and receipt["object"] == "commit_receipt"
        and receipt["clientTxId"] == key
        and receipt["success"] is True
        and receipt["status"] == "confirmed"
        and isinstance(receipt["lastSyncId"], int)
        and created.tzinfo is not None
        and status >= created
    )


def test_the_lists_of_keys_are_the_contract() -> None:
    assert REQUIRED == KEYS
    assert {"id", "notifications", "missingIds", "correlationId"} == OPTIONAL


async def test_every_write_answers_a_strict_receipt_under_its_own_key(api: Any) -> None:
    row = "/api/v1/models/tasks/t1"
    data = {"title": "a", "status": "todo"}
    writes = [
        ("POST", "/api/v1/models/tasks", {"id": "t1", "data": data}, 201),
        ("PATCH", row, {"data": {"title": "b"}}, 200),
        ("POST", "/api/v1/commits", {"operations": [op("archive"), op("unarchive")]}, 200),
        ("DELETE", row, {}, 200),
        ("DELETE", row, None, 200),  # without a body; the row is gone, which is no error
    ]
    for number, (method, path, body, status) in enumerate(writes):
        answer = await api(method, path, body, idempotency_key=f"key-{number}")
        assert answer.status_code == status, answer.text
        assert is_strict(answer.json(), f"key-{number}"), answer.text
    assert answer.json()["missingIds"] == ["t1"]


def op(action: str) -> dict[str, Any]:
    unset = dict.fromkeys(("data", "transactionId", "claimId", "readAt", "onStale", "fenceToken"))
    return {"action": action, "model": "tasks", "id": "t1"} | unset


@pytest.mark.parametrize(
    "broken",
    [
        {"extra": 1},
        {"correlationId": None},
        {"status": "queued"},
        {"clientTxId": "another"},
        {"statusAt": "2020-01-01T00:00:00.000Z"},
    ],
)
async def test_the_check_catches_a_broken_receipt(api: Any, broken: dict[str, Any]) -> None:
    receipt = await api.create("tasks", "t1", title="a")
    assert is_strict(receipt, receipt["clientTxId"])
    assert not is_strict(receipt | broken, receipt["clientTxId"])


async def test_the_same_key_replays_to_the_byte(api: Any) -> None:
    body = {"id": "t1", "data": {"title": "a"}}
    first = await api("POST", "/api/v1/models/tasks", body, idempotency_key="k")
    again = await api("POST", "/api/v1/models/tasks", body, idempotency_key="k")
    assert (first.status_code, first.content) == (again.status_code, again.content)
    head = (await api("GET", "/api/v1/models/tasks/t1")).json()["stamp"]
    assert head == first.json()["lastSyncId"]  # nothing was written twice


async def test_the_order_of_keys_in_a_body_makes_no_other_request(api: Any) -> None:
    first = await api(
        "POST", "/api/v1/models/tasks", {"id": "t1", "data": {"title": "a"}}, idempotency_key="k"
    )
    again = await api(
        "POST", "/api/v1/models/tasks", {"data": {"title": "a"}, "id": "t1"}, idempotency_key="k"
    )
    assert first.content == again.content


async def test_the_same_key_for_another_request_is_refused(api: Any) -> None:
    for title, status in (("a", 201), ("b", 409)):
        body = {"id": "t1", "data": {"title": title}}
        answer = await api("POST", "/api/v1/models/tasks", body, idempotency_key="k")
        assert answer.status_code == status
    assert answer.json()["code"] == "idempotency_conflict"
    other = await api("DELETE", "/api/v1/models/tasks/t1", {}, idempotency_key="k")
    assert other.json()["code"] == "idempotency_conflict"


async def test_a_failure_is_not_recorded(api: Any) -> None:
    body = {"data": {"title": "b"}}
    failed = await api("PATCH", "/api/v1/models/tasks/t1", body, idempotency_key="k")
    assert (failed.status_code, failed.json()["code"]) == (404, "entity_not_found")
    await api.create("tasks", "t1", title="a")
    done = await api("PATCH", "/api/v1/models/tasks/t1", body, idempotency_key="k")
    assert done.status_code == 200


async def test_a_key_has_255_characters_at_most(api: Any) -> None:
    for length, status in ((255, 201), (256, 400)):
        body = {"id": f"t{length}", "data": {"title": "a"}}
        answer = await api("POST", "/api/v1/models/tasks", body, idempotency_key="k" * length)
        assert answer.status_code == status
    assert answer.json()["code"] == "idempotency_key_too_long"


async def test_without_a_header_the_body_may_name_the_key(api: Any) -> None:
    body = {"idempotencyKey": "old", "id": "t1", "data": {"title": "a"}}
    assert (await api("POST", "/api/v1/models/tasks", body)).json()["clientTxId"] == "old"
    commit = {"operations": [op("archive")], "clientTxId": "older"}
    assert (await api("POST", "/api/v1/commits", commit)).json()["clientTxId"] == "older"
    both = body | {"id": "t2"}
    answer = await api("POST", "/api/v1/models/tasks", both, idempotency_key="header")
    assert answer.json()["clientTxId"] == "header"


async def test_without_any_key_each_request_is_its_own(api: Any) -> None:
    keys = {(await api.create("tasks", f"t{n}", title="a"))["clientTxId"] for n in range(3)}
    assert len(keys) == 3
