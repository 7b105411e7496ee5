"""Rows over HTTP: what is there, what is not, and how a row is spelt."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import httpx
import pytest

from .world import World

pytestmark = [pytest.mark.anyio, pytest.mark.smoke]

ROW = "/api/v1/models/tasks/t1"
BASE = {"id", "createdAt", "updatedAt", "organizationId", "createdBy"}


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


async def test_a_row_comes_back_with_its_stamp_and_holders(api: Any, world: World) -> None:
    receipt = await api.create("tasks", "t1", title="first")
    answer = await api("GET", ROW)
    body = answer.json()
    assert body.keys() == {"object", "model", "id", "data", "stamp", "claims"}
    assert (body["object"], body["model"], body["id"]) == ("model", "tasks", "t1")
    assert (body["stamp"], body["claims"]) == (receipt["lastSyncId"], [])
    assert body["data"].items() >= {"title": "first", "status": "todo", "id": "t1"}.items()
    assert body["data"].keys() >= BASE
    assert body["data"]["organizationId"] == world.organization


async def test_a_missing_row_is_no_error_but_null(api: Any) -> None:
    head = (await api.create("tasks", "t1", title="first"))["lastSyncId"]
    answer = await api("GET", "/api/v1/models/tasks/nobody")
    assert answer.status_code == 200
    body = answer.json()
    assert body["data"] is None
    assert (body["stamp"], body["claims"]) == (head, [])


async def test_keys_of_a_row_are_camel_case_and_times_are_iso(api: Any) -> None:
    await api.create("lineItems", "l1", label="x", isOpen=False, dueDate="2030-01-02", amount=2.5)
    data = (await api("GET", "/api/v1/models/lineItems/l1")).json()["data"]
    assert not [key for key in data if not re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", key)]
    assert (data["isOpen"], data["dueDate"], data["amount"]) == (False, "2030-01-02", 2.5)
    for name in ("createdAt", "updatedAt"):
        assert dt.datetime.fromisoformat(data[name]).tzinfo is not None


async def test_updated_at_rises_with_every_update(api: Any) -> None:
    await api.create("tasks", "t1", title="first")
    seen = []
    for title in ("a", "a", "b"):
        assert (await api("PATCH", ROW, {"data": {"title": title}})).status_code == 200
        data = (await api("GET", ROW)).json()["data"]
        seen.append(dt.datetime.fromisoformat(data["updatedAt"]))
    assert seen == sorted(set(seen))


async def test_delete_takes_a_json_body_and_get_an_empty_one_of_json(api: Any) -> None:
    await api.create("tasks", "t1", title="first")
    assert (await api("GET", ROW)).status_code == 200  # content-type json, nothing in it
    answer = await api("DELETE", ROW, {"readAt": 0, "onStale": "reject"})
    assert answer.json()["code"] == "stale_context"  # the guard in the body is read
    assert (await api("DELETE", ROW, {})).json()["ops"] == 1
    assert (await api("GET", ROW)).json()["data"] is None


async def test_a_create_without_an_id_gets_one(api: Any) -> None:
    answer = await api("POST", "/api/v1/models/tasks", {"data": {"title": "x"}})
    assert answer.status_code == 201
    (row,) = (await api("GET", "/api/v1/models/tasks")).json()["data"]
    assert re.fullmatch(r"[0-9a-f-]{36}", row["id"])


async def test_creating_a_row_twice_is_a_conflict(api: Any) -> None:
    await api.create("tasks", "t1", title="first")
    answer = await api("POST", "/api/v1/models/tasks", {"id": "t1", "data": {"title": "second"}})
    assert (answer.status_code, answer.json()["code"]) == (409, "unique_violation")


@pytest.mark.parametrize("name", ["tasks", "TASKS", "Tasks"])
async def test_a_model_is_found_under_every_spelling(api: Any, name: str) -> None:
    assert (await api("GET", f"/api/v1/models/{name}/t1")).json()["model"] == "tasks"
    assert (await api("GET", f"/api/v1/models/{name}")).json()["model"] == "tasks"


async def test_an_unknown_model_is_named(api: Any) -> None:
    for method, path in (("GET", "/api/v1/models/nope/x"), ("GET", "/api/v1/models/nope")):
        answer = await api(method, path)
        assert (answer.status_code, answer.json()["code"]) == (400, "server_execute_unknown_model")
        assert answer.json()["model"] == "nope"
    answer = await api("POST", "/api/v1/models/nope", {"data": {}})
    assert answer.json()["code"] == "server_execute_unknown_model"


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ({}, "not_null_violation", "title"),
        ({"title": None}, "not_null_violation", "title"),
        ({"title": 3}, "column_type_mismatch", "title"),
        ({"title": "x", "status": "later"}, "check_violation", "status"),
        ({"title": "x", "nope": 1}, "unknown_field", "nope"),
        ({"title": "x", "organizationId": "other"}, "unknown_field", "organizationId"),
        ({"title": "x", "createdBy": "user:root"}, "unknown_field", "createdBy"),
    ],
)
async def test_wrong_data_is_refused_by_field(
    api: Any, data: dict[str, Any], code: str, param: str
) -> None:
    answer = await api("POST", "/api/v1/models/tasks", {"id": "t1", "data": data})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["param"] == param


async def test_an_update_of_a_row_that_is_not_there(api: Any) -> None:
    answer = await api("PATCH", ROW, {"data": {"title": "x"}})
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")
    assert answer.json()["id"] == "t1"


@pytest.mark.parametrize("row_id", ["a/b", "a%b", "ä ö", "..", "a?b#c", "%2F"])
async def test_any_text_is_an_id(api: Any, row_id: str) -> None:
    await api.create("tasks", row_id, title="odd")
    escaped = "".join(f"%{byte:02X}" for byte in row_id.encode())
    url = httpx.URL(api.client.base_url).copy_with(
        raw_path=f"/api/v1/models/tasks/{escaped}".encode()
    )
    answer = await api.client.get(url, headers={"authorization": f"Bearer {api.key}"})
    assert answer.json()["data"]["id"] == row_id


async def test_an_id_with_nul_is_refused(api: Any) -> None:
    answer = await api("GET", "/api/v1/models/tasks/a%00b")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_id")
