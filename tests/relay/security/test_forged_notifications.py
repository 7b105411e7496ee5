"""Forged notifications: whoever connects may NOTIFY anything; nothing is believed, nothing ends."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ablo_pg.relay.auth import Authenticator

from .live import socket

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"
CHANNELS = ("ablo_key", "ablo_delta", "ablo_claim", "ablo_live", "ablo_canary")


async def forge(world: Any, api: Any, victim: Any) -> None:
    """Say everything on every channel, while somebody follows and holds a claim."""
    minted = (await victim("POST", "/api/v1/capabilities", {"wideScope": True})).json()
    await victim.create("tasks", "held", title="x")
    held = (await victim("POST", f"{TASKS}/held/claim", {})).json()
    payloads = (
        *("", minted["capabilityId"], "acme", held["id"], "'; drop table tasks", "x" * 7999),
        *("{}", "\u202e", '{"organization":"acme","syncId":999999}', "4294967296"),
    )
    async with socket(world.relay, minted["token"]) as live:
        with psycopg.connect(world.db.database_url, autocommit=True) as conn:
            for channel in CHANNELS:
                for payload in payloads:
                    conn.execute("select pg_notify(%s, %s)", (channel, payload))
        for number in range(3):
            await victim.create("tasks", f"t{number}", title="x")
        seen: list[str] = []
        while len(seen) < 3:
            payload = await live.take("delta")
            seen += [one["modelId"] for one in payload.get("deltas", [payload])]
        assert seen == ["t0", "t1", "t2"]
        assert not [text for text in live.seen if '"claim_lost"' in text or "999999" in text]
    beat = await victim("POST", f"/api/v1/claims/{held['id']}/heartbeat", {})
    assert beat.json()["status"] == "held"
    assert (await api.client.get("/ready")).status_code == 200
    assert len((await victim("GET", "/api/v1/logs")).json()["data"]) == 4


async def test_a_notification_is_only_a_hint(world: Any, api: Any, ready: None) -> None:
    await forge(world, api, api)


async def test_the_check_catches_a_relay_that_believes(
    world: Any, api: Any, ready: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def believe(self: Authenticator, key_ids: list[str]) -> None:
        for hashed, watches in list(self._watches.items()):
            if any(watch.credential.key_id in key_ids for watch in watches):
                self._end(hashed, "revoked")

    monkeypatch.setattr(Authenticator, "_take_hints", believe)
    with pytest.raises(Exception, match="apikey_revoked"):
        await forge(world, api, api)
