"""I8: a relay that is killed leaves nothing behind; what it held for its clients ends by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.anyio

SESSIONS = """
    select count(*) from pg_stat_activity
     where datname = current_database() and application_name like 'ablo_pg%%'"""


@contextmanager
def process(world: Any) -> Iterator[Any]:
    """Run a relay in a process of its own."""
    command = [sys.executable, "-m", "ablo_pg", "relay", "--port", "0", "--log-level", "warning"]
    environment = {
        "DATABASE_URL": world.db.database_url,
        "ABLO_REPLICATION_URL": world.db.replication_url,
    }
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as started:
        try:
            assert started.stdout is not None
            url = json.loads(started.stdout.readline())["url"]
            yield SimpleNamespace(url=url, kill=lambda: started.send_signal(signal.SIGKILL))
        finally:
            started.kill()


async def test_i8_a_killed_relay_leaves_nothing_behind(world: Any, wait_for: Any) -> None:
    world.write(1, 1)
    watcher = await (await world.client("user:w")).start()
    [(before,)] = world.sql(SESSIONS)
    with process(world) as relay:
        holder = await world.client("user:a", relay=relay)
        await holder.start()
        await holder.begin_claim("c1", "t1", estimatedMs=2000)
        await holder.take("claim_acquired")
        await watcher.take("presence_update", lambda shown: shown["activeClaims"] != [])
        await watcher.begin_claim("c2", "t1")
        await watcher.take("claim_queued")
        relay.kill()
        await holder.closed()
        granted = await watcher.take("claim_granted")
        assert granted["claimId"] == "c2"
        await watcher.take(
            "presence_update", lambda shown: shown["userId"] == "a" and not shown["activeClaims"]
        )
    await wait_for(lambda: world.sql(SESSIONS)[0][0] <= before)
    slots = "select count(*) from pg_replication_slots where database = current_database()"
    await wait_for(lambda: world.sql(slots)[0][0] == 1)  # the watcher's relay
    locks = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    assert world.sql(locks) == [(0,)]


async def test_i8_its_presence_ends_by_itself(world: Any) -> None:
    watcher = await (await world.client("user:w")).start()
    with process(world) as relay:
        client = await world.client("user:a", relay=relay)
        await client.start()
        await watcher.take("presence_update", lambda shown: shown["userId"] == "a")
        relay.kill()
    assert world.sql("select count(*) from ablo.presence where participant = 'user:a'") == [(1,)]
    world.sql(
        "update ablo.presence set expires_at = clock_timestamp() where participant = 'user:a'"
    )
    world.relay.service.live.hint("acme")
    left = await watcher.take("presence_update", lambda shown: shown["kind"] == "leave")
    assert left["userId"] == "a"
