"""A canary of each organization never crosses: no answer, error, metric or log line has it."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ablo_pg.changefeed import subscription
from ablo_pg.changefeed.hub import Hub
from ablo_pg.relay.logs import JsonFormatter

from .live import socket

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"
TENANTS = 3


def canary(number: int) -> str:
    return f"canary-{number}-of-org{number}"


async def tour(api: Any, word: str) -> list[str]:
    """Do everything there is, also wrongly, with the canary in every place that takes one."""
    row = f"{TASKS}/{word}"
    operation = {"action": "update", "model": "tasks", "id": word, "data": {"title": word}}
    calls: list[tuple[str, str, Any]] = [
        ("POST", TASKS, {"id": word, "data": {"title": word}}),
        ("POST", TASKS, {"id": word, "data": {"title": word}}),  # taken
        ("POST", TASKS, {"id": "shared", "data": {"title": word}}),  # the same id everywhere
        ("GET", row, None),
        ("GET", f"{TASKS}?title={word}", None),
        ("GET", f"{TASKS}?{word}=1&order_by={word}", None),
        ("PATCH", row, {"data": {"title": 1}}),
        ("PATCH", row, {"data": {word: word}}),
        ("PATCH", row, {"data": {"title": word}, "readAt": 0, "onStale": "notify"}),
        ("POST", f"{row}/claim", {"description": word, "meta": {"w": word}, "claimId": word}),
        ("POST", f"{TASKS}/shared/claim", {"description": word}),
        ("GET", f"/api/v1/claims?model=tasks&id={word}", None),
        ("GET", f"/api/v1/claims/{word}", None),
        ("GET", "/api/v1/claims", None),
        ("POST", "/api/v1/commits", {"operations": [operation]}),
        ("GET", "/api/v1/commits", None),
        ("GET", "/api/v1/logs?after=0.0", None),
        ("GET", "/api/v1/logs", None),
        ("GET", "/api/auth/identity", None),
        ("POST", "/api/v1/capabilities", {"wideScope": True, "userMeta": {"w": word}}),
        ("GET", f"/api/v1/models/{word}", None),
        ("GET", "/api/v1/projects", None),
        ("GET", TASKS, None),
    ]
    return [(await api(method, path, body)).text for method, path, body in calls]


async def live_tour(relay: Any, key: str, number: int) -> list[str]:
    """Do the same over a socket, also wrongly; return every frame that came."""
    word = canary(number)
    create = {"type": "CREATE", "model": "tasks", "id": f"{word}-live", "input": {"title": word}}
    wrong = {"type": "UPDATE", "model": "tasks", "id": f"{word}-nowhere", "input": {word: word}}
    claim = {"entityType": "tasks", "entityId": f"{word}-live", "description": word, "queue": True}
    others = [f"org:org{n}" for n in range(TENANTS) if n != number]
    async with socket(relay, key, "cursor=0") as live:
        await live.send("update_subscription", syncGroups=["default", *others])
        await live.take("subscription_ack")
        await live.send("presence_update", status="online", customStatus=word)
        for name, operation in (("made", create), ("wrong", wrong)):
            await live.send("commit", operations=[operation], clientTxId=f"{word}-{name}")
            await live.take("mutation_result")
        await live.send("claim_begin", claimId=f"{word}-claim", **claim)
        await live.take("claim_acquired")
        await live.send("claim_begin", claimId=f"{word}-none", **claim | {"entityType": word})
        await live.take("claim_rejected")
        await live.send("sync_request", cursor="0", lastSyncId=0)
        await live.take("sync_response")
        await live.send("ping")
        await live.take("pong")
        return live.seen


async def tours(world: Any) -> None:
    """Send everybody on tour twice; nobody is shown another's canary."""
    keys = [world.key(f"org{n}", f"user:{canary(n)}") for n in range(TENANTS)]
    for _ in range(2):  # the second time everybody's data is there to be leaked
        for number, key in enumerate(keys):
            answers = await tour(await world.with_key(key), canary(number))
            frames = await live_tour(world.relay, key, number)
            for text in ("\n".join(answers), "\n".join(frames)):
                assert canary(number) in text
                for other in range(TENANTS):
                    assert other == number or canary(other) not in text


async def test_no_canary_crosses(world: Any, caplog: pytest.LogCaptureFixture, ready: None) -> None:
    for name in ("ablo_pg", "uvicorn"):
        caplog.set_level(logging.DEBUG, logger=name)
    await tours(world)
    api = await world.api()
    lines = [
        JsonFormatter().format(record)
        for record in caplog.records
        if record.name.startswith(("ablo_pg", "uvicorn"))
    ]
    for path in ("/metrics", "/ready", "/live", "/openapi.json"):
        lines.append((await api.client.get(path)).text)
    assert len(lines) > 50
    assert "canary-" not in "\n".join(lines)


async def test_the_check_catches_a_hub_that_mixes_organizations(
    world: Any, monkeypatch: pytest.MonkeyPatch, ready: None
) -> None:
    follow = Hub.follow

    def mixed(self: Hub, organization: str, *args: Any, **options: Any) -> Any:
        return follow(self, "org0" if organization == "org1" else organization, *args, **options)

    monkeypatch.setattr(Hub, "follow", mixed)
    monkeypatch.setattr(subscription, "seen", lambda views, delta: delta)
    with pytest.raises(AssertionError):
        await tours(world)
