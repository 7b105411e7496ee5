"""A relay listens on one connection for keys, claims, presence and the log; it survives its end."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import pytest

from ablo_pg.db import notifications
from ablo_pg.relay import auth
from ablo_pg.relay.ws import live_view

pytestmark = pytest.mark.anyio
SESSIONS = """select application_name, count(*)::int from pg_stat_activity
 where datname = current_database() and application_name like 'ablo_pg%%' group by 1"""
LISTENER = "ablo_pg relay notifications"
END = f"""select pg_terminate_backend(pid) from pg_stat_activity
 where datname = current_database() and application_name = '{LISTENER}'"""


async def hear(world: Any, socket: Any, http: Any, number: int) -> None:
    """Somebody on each channel hears of a delta, a holder on the live view, the end of a claim."""
    world.write(number, number)
    assert [one["modelId"] for one in await socket.deltas(1)] == [f"t{number}"]
    news = "/api/v1/kernel/claim_news"
    after = (await http.post(news, json={"claimIds": [], "seconds": 0})).json()["after"]
    query = "select ablo.claim_acquire('acme', %s, 'tasks', %s)->'claim'->>'id'"
    [(claim,)] = world.sql(query, f"user:h{number}", f"t{number}")
    await socket.take("presence_update", lambda payload: payload["userId"] == f"h{number}")
    world.sql("select ablo.claim_break('acme', 'user:boss', %s)", claim)
    asked = {"claimIds": [claim], "after": after, "seconds": 10}
    told = (await http.post(news, json=asked)).json()["claimIds"]
    assert {claim, ""} & set(told)


async def test_one_connection_listens_for_everything(
    make_world: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What looks by the clock as well is slow here: only notifications are quick enough."""
    monkeypatch.setattr(auth, "RECHECK_SECONDS", 3600.0)
    monkeypatch.setattr(live_view, "LOOK_SECONDS", 3600.0)
    monkeypatch.setattr(notifications, "RETRY_FIRST", 0.01)
    async with AsyncExitStack() as stack:
        world = await make_world(stack, replication_url=None)
        socket = await (await world.client(key=world.key("system:s"))).start()
        http = await world.http(world.key("user:boss"))
        ended = await (await world.client(key=world.key("user:doomed"))).start()
        await hear(world, socket, http, 1)
        sessions = dict(world.sql(SESSIONS))
        assert sessions.pop(LISTENER) == 1
        assert set(sessions) <= {"ablo_pg relay", "ablo_pg relay health"}
        for number in (2, 3):
            assert world.sql(END) == [(True,)]
            await hear(world, socket, http, number)
            await wait_for(lambda: dict(world.sql(SESSIONS)).get(LISTENER) == 1)
        world.sql(END)
        world.sql(
            "select ablo.key_revoke('acme', id, null) from ablo.api_key"
            " where participant = 'user:doomed'"
        )
        assert (await ended.closed(5))[0] >= 4000
