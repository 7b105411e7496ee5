"""A canary of each organization never crosses: no answer, error, metric or log line has it."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
import pytest

from ablo_pg.relay.logs import JsonFormatter

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"


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


async def test_no_canary_crosses(world: Any, caplog: pytest.LogCaptureFixture, ready: None) -> None:
    for name in ("ablo_pg", "uvicorn"):
        caplog.set_level(logging.DEBUG, logger=name)
    tenants = [await world.api(f"org{n}", f"user:{canary(n)}") for n in range(3)]
    for _ in range(2):  # the second time everybody's data is there to be leaked
        for number, api in enumerate(tenants):
            text = "\n".join(await tour(api, canary(number)))
            assert canary(number) in text
            for other in range(len(tenants)):
                assert other == number or canary(other) not in text
    lines = [
        JsonFormatter().format(record)
        for record in caplog.records
        if record.name.startswith(("ablo_pg", "uvicorn"))
    ]
    for path in ("/metrics", "/ready", "/live", "/openapi.json"):
        lines.append((await tenants[0].client.get(path)).text)
    assert len(lines) > 50
    assert "canary-" not in "\n".join(lines)


async def test_a_forged_notification_is_only_a_hint(world: Any, api: Any, ready: None) -> None:
    """Whoever may connect may NOTIFY anything; nothing is believed, and nothing ends."""
    key_id = (await api("POST", "/api/v1/capabilities", {"wideScope": True})).json()["capabilityId"]
    async with await psycopg.AsyncConnection.connect(
        world.db.database_url, autocommit=True
    ) as conn:
        for channel in ("ablo_key", "ablo_delta", "ablo_claim", "ablo_live"):
            for payload in ("", key_id, "acme", "'; drop table tasks", "x" * 7999, "{}", "\u202e"):
                await conn.execute("select pg_notify(%s, %s)", (channel, payload))
    for number in range(3):
        await api.create("tasks", f"t{number}", title="x")
    assert (await api("GET", TASKS)).status_code == 200
    assert len((await api("GET", "/api/v1/logs")).json()["data"]) == 3
    assert (await api.client.get("/ready")).status_code == 200
