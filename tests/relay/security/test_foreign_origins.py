"""Foreign origins: a page that was not allowed reads no answer and opens no socket."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from ablo_pg.relay.ws import endpoint

from .live import socket

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"
OURS, EVIL = "https://app.example", "https://evil.example"


async def test_answers_are_for_browsers_of_listed_origins_only(world: Any) -> None:
    relay = await world.start(allowed_origins=(OURS,))
    api = await world.with_key(world.key(), relay)
    ask = {
        "access-control-request-method": "PATCH",
        "access-control-request-headers": "authorization,idempotency-key,ablo-protocol-version",
    }
    allowed = await api.client.options(TASKS, headers=ask | {"origin": OURS})
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == OURS
    assert "PATCH" in allowed.headers["access-control-allow-methods"]
    refused = await api.client.options(TASKS, headers=ask | {"origin": EVIL})
    assert "access-control-allow-origin" not in refused.headers
    for path, status in ((TASKS, 200), ("/api/v1/models/nope", 400), ("/nope", 404)):
        answer = await api("GET", path, origin=OURS)
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == OURS
        exposed = answer.headers["access-control-expose-headers"].lower()
        assert "x-auth-failure" in exposed
        assert "x-request-id" in exposed
        assert "access-control-allow-credentials" not in answer.headers
        plain = await api("GET", path, origin=EVIL)
        assert "access-control-allow-origin" not in plain.headers


async def sockets_of_origins(world: Any) -> None:
    """Open sockets from pages of several origins; each is let in, or not, as it should be."""
    key = world.key()
    relay = await world.start(allowed_origins=(OURS,))
    for origin in (OURS, relay.url, None):  # allowed, the relay's own, and no browser
        async with socket(relay, key, origin=origin):
            pass
    for origin in (EVIL, f"{OURS}.evil.example", "null", "http://app.example", f"{OURS}:8443"):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(relay, key, origin=origin):
                pass
        assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus):
        async with socket(world.relay, key, origin=OURS):  # where nobody allowed it
            pass


async def test_sockets_are_for_pages_of_listed_origins_only(world: Any) -> None:
    await sockets_of_origins(world)


async def test_the_check_catches_a_door_that_compares_beginnings(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = endpoint.check_origin

    def careless(websocket: Any, allowed: Any) -> None:
        origin = websocket.headers.get("origin") or ""
        if not any(origin.startswith(one) for one in allowed):
            real(websocket, allowed)

    monkeypatch.setattr(endpoint, "check_origin", careless)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await sockets_of_origins(world)
