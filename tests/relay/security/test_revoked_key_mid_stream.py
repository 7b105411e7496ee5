"""A revoked key in the middle of a stream: what it had open ends within five seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest

from ablo_pg.relay.auth import Authenticator

from .live import socket

pytestmark = pytest.mark.anyio

SECONDS = 5.0


async def stream_ends(relay: Any, key: str, opened: Callable[[], None]) -> str:
    """Follow the event stream until it ends; return what it said last."""
    text = ""
    headers = {"authorization": f"Bearer {key}"}
    async with (
        httpx.AsyncClient(base_url=relay.url, timeout=30) as client,
        client.stream("GET", "/api/v1/stream", headers=headers) as answer,
    ):
        async for part in answer.aiter_text():
            if not text:
                opened()
            text += part
    return text


async def revoke_in_mid_stream(world: Any, what: str) -> None:
    """Open a socket and a stream on each of two relays with one key, and end that key."""
    other = await world.start()
    api = await world.api()
    parent = (await api("POST", "/api/v1/capabilities", {"wideScope": True})).json()
    minting = await world.with_key(parent["token"])
    child = (await minting("POST", "/api/v1/capabilities", {"wideScope": True})).json()
    key, ended = child["token"], parent if what == "parent" else child
    said: list[str] = []
    open_streams, all_ended = [anyio.Event(), anyio.Event()], anyio.Event()
    async with (
        socket(world.relay, key) as here,
        socket(other, key) as there,
        anyio.create_task_group() as group,
    ):

        async def follow(relay: Any, opened: anyio.Event) -> None:
            said.append(await stream_ends(relay, key, opened.set))
            if len(said) == len(open_streams):
                all_ended.set()

        for relay, opened in zip((world.relay, other), open_streams, strict=True):
            group.start_soon(follow, relay, opened)
            await opened.wait()
        answer = await api("DELETE", f"/api/v1/capabilities/{ended['capabilityId']}")
        assert answer.json()["deleted"] is True
        with anyio.fail_after(SECONDS):
            for live in (here, there):
                assert await live.ended(SECONDS) == (4001, "apikey_revoked")
            await all_ended.wait()
    assert all('"apikey_revoked"' in each for each in said)
    refused = await (await world.with_key(key, other))("GET", "/api/auth/identity")
    assert (refused.status_code, refused.json()["code"]) == (401, "apikey_revoked")
    assert (await api("GET", "/api/auth/identity")).status_code == 200  # the others go on


@pytest.mark.parametrize("what", ["itself", "parent"])
async def test_sockets_and_streams_end_on_every_relay(world: Any, what: str) -> None:
    await revoke_in_mid_stream(world, what)


async def test_the_check_catches_a_relay_that_looks_at_no_open_key(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blind(self: Authenticator, conn: Any) -> None:
        return

    monkeypatch.setattr(Authenticator, "_look", blind)
    with pytest.raises(BaseExceptionGroup) as caught:
        await revoke_in_mid_stream(world, "itself")
    assert caught.group_contains(TimeoutError)
