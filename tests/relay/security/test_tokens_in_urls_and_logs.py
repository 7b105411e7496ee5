"""Tokens in URLs and logs: a key in a URL opens nothing, and no log line ever holds one."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from ablo_pg.relay.http.middleware import RequestMiddleware
from ablo_pg.relay.logs import JsonFormatter

from .live import socket

pytestmark = pytest.mark.anyio

NAMES = ("token", "apiKey", "api_key", "key", "access_token", "authorization")
LOGGERS = ("ablo_pg", "uvicorn", "uvicorn.error", "uvicorn.access", "websockets", "psycopg")


@pytest.mark.parametrize("name", NAMES)
async def test_a_key_in_a_url_opens_nothing(world: Any, name: str) -> None:
    key = world.key()
    api = await world.with_key(key)
    for path in ("/api/auth/identity", "/api/v1/stream", "/api/sync/bootstrap"):
        answer = await api.client.get(f"{path}?{name}={key}")
        assert (answer.status_code, answer.json()["code"]) == (401, "api_key_required")
    url = world.relay.url.replace("http", "ws") + f"/api/sync/ws?{name}={key}"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(url, subprotocols=[Subprotocol("ablo.sync.v1")]):
            pass
    assert refused.value.response.status_code == 401


async def use_keys(world: Any) -> list[str]:
    """Use keys in every way, rightly and wrongly; return all of them."""
    key = world.key()
    api = await world.with_key(key)
    minted = (await api("POST", "/api/v1/capabilities", {"wideScope": True})).json()
    rotated = (
        await api("POST", f"/api/v1/capabilities/{minted['capabilityId']}/rotate", {})
    ).json()
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    stranger = await world.with_key(wrong)
    await api("GET", f"/api/v1/models/tasks?token={key}")
    await api("GET", f"/api/v1/models/{key}/{key}")
    await stranger("GET", "/api/v1/models/tasks")
    await api("POST", "/api/v1/models/tasks", {"id": "t1", "data": {"title": 1}})
    async with socket(world.relay, rotated["token"]) as live:
        await live.send("claim", claimId="participant:1", syncGroups=["a:b"], capabilityToken=key)
        await live.take("claim_ack")
    with contextlib.suppress(InvalidStatus):
        async with socket(world.relay, wrong):
            pass
    return [key, minted["token"], rotated["token"], wrong]


async def logged(world: Any, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Use keys, and return the lines in which one is named."""
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, name)
    keys = await use_keys(world)
    server = [
        one for one in caplog.records if one.name.startswith(("ablo_pg", "uvicorn", "psycopg"))
    ]
    lines = [JsonFormatter().format(record) for record in server] + [
        str(r.__dict__) for r in server
    ]
    assert len(lines) > 20
    return [line for line in lines if any(key[3:-1] in line for key in keys)]


async def test_no_log_line_holds_a_key(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert await logged(world, caplog) == []


async def test_the_check_catches_a_log_of_paths(
    world: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = RequestMiddleware._note

    def careless(self: RequestMiddleware, scope: Any, status: int, seconds: float) -> None:
        logging.getLogger("ablo_pg.relay").info("%s?%s", scope["path"], scope["query_string"])
        note(self, scope, status, seconds)

    monkeypatch.setattr(RequestMiddleware, "_note", careless)
    assert await logged(world, caplog) != []
