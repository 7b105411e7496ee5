"""Alive, ready, and what is counted: the canary's age is the truth about the whole path."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.changefeed.channel import Channel
from ablo_pg.relay.logs import JsonFormatter

pytestmark = pytest.mark.anyio


async def wait_for_status(world: Any, status: int) -> dict[str, Any]:
    """Ask /ready until it answers this."""
    api = await world.with_key("none")
    with anyio.fail_after(30):
        while True:
            answer = await api.client.get("/ready")
            if answer.status_code == status:
                return dict(answer.json())
            await anyio.sleep(0.02)


async def test_ready_says_when_the_stream_is_cut_and_when_it_is_back(world: Any) -> None:
    service = world.relay.service
    service.health.limit = 1.0
    body = await wait_for_status(world, 200)
    assert body["reader"]["kind"] in ("wal", "listen")
    assert body["canaryAgeSeconds"] < 1.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Channel, "receive", lambda self, arrival, whole: None
        )  # reads, hands nothing on
        body = await wait_for_status(world, 503)
    assert any("canary" in reason for reason in body["reasons"])
    assert (await (await world.with_key("none")).client.get("/live")).status_code == 200
    await wait_for_status(world, 200)


async def test_ready_says_when_a_trigger_is_switched_off(
    world: Any, ready: None, until: Any
) -> None:
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute("alter table tasks disable trigger zz_ablo_capture")
    relay = await world.start()
    await until(lambda: relay.service.health.drift != ("not checked yet",))
    assert any("tasks" in reason for reason in relay.service.health.reasons())


async def test_ready_tells_nothing_of_any_organization(api: Any, world: Any, ready: None) -> None:
    await api.create("tasks", "secret-row", title="secret-title")
    for path in ("/ready", "/live", "/metrics", "/api/health"):
        text = (await api.client.get(path)).text
        for word in ("acme", "secret", "system:a", api.key, "canary-"):
            assert word not in text


async def test_metrics_count_what_happens(api: Any, world: Any, ready: None) -> None:
    await api.create("tasks", "t1", title="x")
    await api("PATCH", "/api/v1/models/tasks/nobody", {"data": {"title": "x"}})
    await api("POST", "/api/v1/models/tasks/t1/claim", {})
    other = await world.api("acme", "agent:b")
    waiting = (await other("POST", "/api/v1/models/tasks/t1/claim", {})).json()
    await api("DELETE", "/api/v1/models/tasks/t1/claim")
    for _ in range(2):
        beat = await other("POST", f"/api/v1/claims/{waiting['id']}/heartbeat", {})
        assert beat.json()["status"] == "held"
    text = (await api.client.get("/metrics")).text
    for line in (
        r'ablo_commits_total\{outcome="confirmed"\} 1\.0',
        r'ablo_commits_total\{outcome="entity_not_found"\} 1\.0',
        r'ablo_claims_total\{outcome="active"\} 1\.0',
        r"ablo_claim_wait_seconds_count 1\.0",
        r"ablo_commit_batch_size_count 2\.0",
        r'requests_total\{method="POST",route="/api/v1/models/\{model\}",status="201"\} 1',
        r'ablo_reader\{kind="(wal|listen)"\} 1\.0',
        r"ablo_stream_lag_bytes \d",
        r"ablo_pool_size \d",
        r"ablo_subscribers \d",
        r"ablo_queue_deltas 0\.0",
        r"ablo_subscriber_disconnections_total 0\.0",
        r"ablo_canary_age_seconds 0\.\d",
        r"ablo_ready 1\.0",
    ):
        assert re.search(line, text), line


async def test_the_log_has_ids_and_no_data(api: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answer = await api.create("tasks", "secret-row", title="secret-title")
    await api("GET", "/api/v1/models/tasks/secret-row?secret-filter=1")
    await api("GET", "/api/v1/models/tasks?title=secret-title")
    ours = [record for record in caplog.records if not record.name.startswith("http")]
    lines = [JsonFormatter().format(record) for record in ours]
    text = "\n".join(lines)
    assert "secret" not in text
    assert api.key not in text
    assert answer["serverTxId"] not in text
    requests = [json.loads(line) for line in lines if '"request"' in line]
    assert len(requests) >= 3
    assert requests[0].keys() >= {
        *("time", "level", "logger", "message", "request_id", "method", "route", "status", "ms")
    }
    assert requests[0]["route"] == "/api/v1/models/{model}"
    assert requests[0]["key_id"].startswith("key_")


async def test_a_lone_commit_is_sent_alone_and_many_together(world: Any, api: Any) -> None:
    flights: list[int] = []
    world.relay.service.lanes.on_flight = flights.append
    for number in range(3):
        await api.create("tasks", f"a{number}", title="x")
    assert flights == [1, 1, 1]
    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(lambda n=number: api.create("tasks", f"b{n}", title="x"))  # type: ignore[misc]
    assert sum(flights) == 43
    assert max(flights) > 1
    assert len(world.relay.service.lanes) == 0  # nothing is kept of an organization at rest
