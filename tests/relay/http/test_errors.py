"""Errors as bodies: one shape, stable codes, a request id; what cannot be read is told apart."""

from __future__ import annotations

import re
from contextlib import suppress
from json import loads
from typing import Any

import anyio
import httpx
import psycopg
import pytest

from ablo_pg.credentials import checksum

from .world import World

pytestmark = pytest.mark.anyio

# Nobody has ever been given this key; the same at every run, so that test names are.
WELL_FORMED = "sk_" + "A" * 30 + checksum("sk_" + "A" * 30)

TASKS = "/api/v1/models/tasks"


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


async def send(api: Any, content: bytes, path: str = TASKS, **headers: str) -> httpx.Response:
    sent = {"authorization": f"Bearer {api.key}", "content-type": "application/json", **headers}
    found: httpx.Response = await api.client.post(path, content=content, headers=sent)
    return found


async def test_a_problem_has_one_shape(api: Any) -> None:
    answer = await api("GET", "/api/v1/models/nope/x")
    body = answer.json()
    assert body.keys() >= {"type", "code", "message", "request_id"}
    assert (body["type"], body["code"]) == ("AbloValidationError", "server_execute_unknown_model")
    assert body["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"req_[0-9a-f]{24}", body["request_id"])
    assert None not in body.values()


async def test_every_answer_has_a_request_id_and_the_version(api: Any) -> None:
    ids = set()
    for method, path in (("GET", TASKS), ("GET", "/nope"), ("PUT", TASKS), ("GET", "/live")):
        answer = await api(method, path)
        assert answer.headers["ablo-version"]
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 4


async def test_a_request_id_of_the_callers_is_kept(api: Any) -> None:
    answer = await api("GET", "/nope", x_request_id="trace-1.2:3")
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "trace-1.2:3"
    answer = await api("GET", "/nope", x_request_id="bad id\t" + "x" * 300)
    assert answer.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "api_key_required"),
        ("", "api_key_required"),
        ("Basic eDp5", "api_key_required"),
        ("Bearer", "api_key_required"),
        ("Bearer nonsense", "apikey_invalid"),
        (f"Bearer {WELL_FORMED}", "apikey_invalid"),
        ("Bearer sk_" + "A" * 30 + "000000", "apikey_invalid"),
    ],
)
async def test_who_is_not_known_is_told_how(api: Any, authorization: Any, code: str) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await api.client.get(TASKS, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.json()["type"] == "AbloAuthenticationError"
    assert answer.headers["x-auth-failure"] == code
    assert answer.headers["www-authenticate"] == "Bearer"
    if authorization:
        assert authorization.split()[-1] not in answer.text.replace("Bearer", "")


@pytest.mark.parametrize(("version", "status"), [("1", 200), ("2", 426), ("x", 426), ("", 426)])
async def test_only_one_protocol_version_is_spoken(api: Any, version: str, status: int) -> None:
    answer = await api("GET", TASKS, ablo_protocol_version=version)
    assert answer.status_code == status
    if status == 426:
        assert answer.json()["code"] == "protocol_version_unsupported"


async def test_no_such_path_and_not_that_method(api: Any) -> None:
    answer = await api("GET", "/v1/models/tasks")  # without /api
    assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
    answer = await api("PUT", TASKS)
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (f"{TASKS}?title=%ff", "query"),
        (f"{TASKS}?title=%c3%28", "query"),
        (f"{TASKS}?title=%ed%a0%80", "query"),
        (f"{TASKS}/live?title=a%ff", "query"),
        (f"{TASKS}/t%ff", "path"),
        (f"{TASKS}/t%2f%ff", "path"),
    ],
)
async def test_an_address_is_utf_8(api: Any, address: str, name: str) -> None:
    answer = await api("GET", address)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["param"] == name
    found = await api("GET", f"{TASKS}?title=%ef%bf%bd%F0%9F%98%80")
    assert found.status_code == 200


async def exchange(api: Any, request: bytes) -> tuple[bytes, Any]:
    """Send bytes as they are; return the status line and the body's JSON."""
    url = api.client.base_url
    answer = b""
    async with await anyio.connect_tcp(url.host, url.port) as stream:
        await stream.send(request)
        with suppress(anyio.EndOfStream):
            while True:
                answer += await stream.receive()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], loads(body)


@pytest.mark.parametrize("size", [65_536, 70_000, 300_000])
async def test_an_address_that_is_too_long_is_told_so(api: Any, size: int) -> None:
    address = f"{TASKS}?title=".encode().ljust(size, b"x")
    status, body = await exchange(api, b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % address)
    assert (status, body["code"]) == (b"HTTP/1.1 413 Content Too Large", "request_too_large")


@pytest.mark.parametrize("request_line", [b"EHLO mail", b"GET / HTTP/9.9.9", b"GET  \xff"])
async def test_what_is_not_http_gets_a_problem(api: Any, request_line: bytes) -> None:
    status, body = await exchange(api, request_line + b"\r\n\r\n")
    assert (status, body["code"]) == (b"HTTP/1.1 400 Bad Request", "invalid_request")


async def test_a_cursor_of_an_event_stream_is_refused_with_where_to_get_one(api: Any) -> None:
    for path in ("/api/v1/stream", f"{TASKS}/live"):
        answer = await api("GET", path, last_event_id="garbage")
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")
        assert "event id" in answer.json()["remedy"]


async def test_a_create_without_data_names_it(api: Any) -> None:
    for body in (b"", b"{}", b'{"data": [1]}', b'{"data": null}', b'{"data": "x"}'):
        answer = await send(api, body)
        assert answer.status_code == 400, body
        assert "data" in answer.text or "title" in answer.text


async def test_json_inside_64_levels_passes_as_it_is(api: Any) -> None:
    nested: Any = 1
    for _ in range(55):
        nested = {"a": nested}
    await api.create("lineItems", "l1", label="x", meta=nested)
    assert (await api("GET", "/api/v1/models/lineItems/l1")).json()["data"]["meta"] == nested


async def test_numbers_and_texts_go_through_unchanged(api: Any) -> None:
    meta = b'{"big":12345678901234567890123456789,"small":1e-7,"text":"\\u00e4\\n\xf0\x9f\x8e\x89"}'
    answer = await send(
        api, b'{"id":"l1","data":{"label":"x","meta":' + meta + b"}}", "/api/v1/models/lineItems"
    )
    assert answer.status_code == 201, answer.text
    text = (await api("GET", "/api/v1/models/lineItems/l1")).text
    assert "12345678901234567890123456789" in text
    assert "0.0000001" in text
    assert "ä\\n🎉" in text


async def test_a_constraint_is_named_by_field_and_shows_no_value(api: Any) -> None:
    await api.create("tasks", "secret-id", title="secret-title")
    answer = await api("POST", TASKS, {"id": "secret-id", "data": {"title": "other"}})
    assert answer.json()["code"] == "unique_violation"
    assert "secret-title" not in answer.text
    assert not {"constraint", "table", "sqlstate"} & answer.json().keys()


async def test_a_failure_nobody_planned_says_nothing_of_itself(
    api: Any, world: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(type(world.relay.service.schemas), "find", broken)
    answer = await api("GET", TASKS)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "secret inside" in caplog.text  # the log has it, under the same id
    assert any(
        getattr(one, "request_id", "") == answer.json()["request_id"] for one in caplog.records
    )


async def test_whole_numbers_beyond_64_bits(api: Any, world: Any) -> None:
    """In a row they are the database's to judge; elsewhere nothing needs them."""
    large = 10**30
    await api.create("lineItems", "l1", label="x", meta={"n": large})
    row = "/api/v1/models/lineItems/l1"
    assert (await api("GET", row)).json()["data"]["meta"]["n"] == large
    for path, body in (
        (f"{row}/claim", {"meta": {"n": large}}),
        ("/api/v1/commits", {"track": [{"model": "lineItems", "id": "l1", "n": large}]}),
        ("/api/v1/capabilities", {"wideScope": True, "userMeta": {"n": large}}),
    ):
        answer = await api("POST", path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body"), answer.text
    async with await psycopg.AsyncConnection.connect(world.db.admin_url) as conn:
        request = f'{{"meta": {{"n": {large}}}}}'
        await conn.execute(
            "select ablo.claim_acquire(%s, 'system:z', 'lineItems', 'l1', %s::jsonb)",
            [world.organization, request],
        )
    listed = await api("GET", "/api/v1/claims?model=lineItems&id=l1")
    assert listed.json()["claims"][0]["meta"]["n"] == large


@pytest.mark.parametrize("digits", [19, 20, 5000])
async def test_a_number_beyond_any_position_is_no_failure(api: Any, digits: int) -> None:
    """Postgres has no routine for integers that do not fit; the relay must not ask for one."""
    await api.create("tasks", "t1", title="x")
    number = "9" * digits
    answer = await api("GET", f"/api/sync/bootstrap?models=tasks&lastSyncId={number}")
    assert (answer.status_code, answer.json()["type"]) == (200, "full")
    body = b'{"model": "tasks", "id": "t1", "limit": %b}' % number.encode()
    answer = await send(api, body, "/api/v1/kernel/row_history")
    assert answer.status_code == 400, answer.text
    assert "sys." not in answer.text


async def test_no_groups_are_no_condition(api: Any) -> None:
    await api.create("tasks", "t1", title="x")
    asked = {"model": "tasks", "query": {"groups": None}}
    answer = await api("POST", "/api/v1/kernel/row_list", asked)
    assert [row["id"] for row in answer.json()["data"]] == ["t1"]
