"""Hostile JSON: oversized, cut short, deeply nested, ambiguous, or no UTF-8, at both doors."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from ablo_pg.wire import requests

from ..http.world import World
from .live import socket

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"
HOSTILE = [
    b'{"data": {"title": "x"}',  # cut short
    b'{"data": {"title": "x"}} trailing',
    b"{'data': 1}",
    b'{"data": {"title": "x"}, "data": {"title": "y"}}',  # a key twice
    b'{"data": {"title": "x", "title": "y"}}',  # also where only the database looks
    b'{"data": {"title": "x", "\\u0074itle": "y"}}',  # and in another spelling
    b'{"data": {"title": "\xff\xfe"}}',
    b'\xef\xbb\xbf{"data": {}}',
    '{"data": {"title": "x"}}'.encode("utf-16"),
    b'{"data": {"title": NaN}}',
    b'{"data": {"title": Infinity}}',
    b'{"data": {"title": "\\ud800"}}',  # half a character
    b'{"data": {"title": "a\x01b"}}',
    b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"data": ' + b'{"a":' * 70 + b"1" + b"}" * 70 + b"}",
    b'{"data": {"title": ' + b"1" * 5000 + b"}}",
    b"[" * 200_000,
]


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


async def send(api: Any, content: bytes, path: str = TASKS) -> httpx.Response:
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    found: httpx.Response = await api.client.post(path, content=content, headers=headers)
    return found


async def attack(api: Any, content: bytes) -> None:
    """It is refused by name, in few words, and nothing is written."""
    answer = await send(api, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    assert len(answer.text) < 1000
    assert (await api("GET", TASKS)).json()["data"] == []


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
async def test_what_is_not_json_is_invalid_json(api: Any, content: bytes) -> None:
    await attack(api, content)


@pytest.mark.parametrize("content", [b"[]", b'"x"', b"1", b"null", b"true"])
async def test_a_body_is_an_object(api: Any, content: bytes) -> None:
    answer = await send(api, content)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_body")


async def test_every_door_reads_alike(api: Any) -> None:
    """One that read another of two keys than the database would let a guard be smuggled past."""
    twice = b'{"readAt": 1, "readAt": 99, "operations": [], "claimId": "a", "claimId": "b"}'
    for path in (
        *("/api/v1/commits", "/api/v1/claims", "/api/v1/claims/heartbeat", "/api/schema"),
        *("/api/v1/capabilities", "/api/v1/ephemeral_keys", "/api/sync/query"),
        *(f"{TASKS}/t1/claim", f"{TASKS}/t1/claim/heartbeat", f"{TASKS}/t1/claim/reorder"),
        *("/api/v1/kernel/row_get", "/api/v1/kernel/claim_acquire", "/api/v1/datasources"),
    ):
        answer = await send(api, twice, path)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json"), path


async def test_a_body_beyond_its_limit_is_not_read(api: Any) -> None:
    answer = await send(api, b'{"data": {"title": "' + b"x" * (1 << 20) + b'"}}')
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")


async def test_a_frame_that_is_none_changes_nothing(api: Any, world: Any) -> None:
    commit = '{"type":"commit","payload":{"clientTxId":"x","operations":[%s]%s}}'
    create = '{"type":"CREATE","model":"tasks","id":"t1","input":{"title":"x"}}'
    frames = [
        (commit % (create, ""))[:-1],
        commit % (create, ',"clientTxId":"y"'),
        commit % (create.replace('"title":"x"', '"title":"x","title":"y"'), ""),
        commit % (create.replace('"x"', "[" * 100 + "]" * 100), ""),
        commit % (create.replace('"x"', '"\\ud800"'), ""),
        commit % (create.replace('"x"', "NaN"), ""),
    ]
    async with socket(world.relay, api.key) as live:
        for frame in frames:
            await live.connection.send(frame)
        await live.connection.send(commit % (create, ""))
        receipt = await live.take("mutation_result")
        while not receipt["success"]:
            assert receipt["error"]["code"] in ("invalid_json", "invalid_body")
            receipt = await live.take("mutation_result")
        assert receipt["ops"] == 1
    assert [one["op"] for one in (await api("GET", "/api/v1/logs")).json()["data"]] == ["create"]


async def test_the_check_catches_a_lenient_reader(
    api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "read_json", lambda body, depth: json.loads(body))
    caught = 0
    for content in HOSTILE[3:6]:
        try:
            await attack(api, content)
        except (AssertionError, KeyError):
            caught += 1
    assert caught
