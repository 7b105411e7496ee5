"""Whatever fails beside requests, the service goes on: for others at once, for its own soon."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.websockets import WebSocket
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.protocol import State

from ablo_pg.changefeed import auto, channel, listen, reader, sent
from ablo_pg.changefeed.tasks import Tasks
from ablo_pg.db import notifications, routines
from ablo_pg.relay import auth, claim_news, health, live_schema
from ablo_pg.relay.ws import feed, follow_frames, live_view, sockets

pytestmark = pytest.mark.anyio


@dataclass
class Fails:
    """A function that fails `often`, after `skip` calls; then it is what it was."""

    place: Any
    name: str
    skip: int = 0
    often: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    only: Callable[..., bool] = lambda *_: True
    calls: int = 0

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put it into its place."""
        real = getattr(self.place, self.name)

        def broken(*args: Any, **kwargs: Any) -> Any:
            if self.only(*args):
                self.calls += 1
                if self.skip < self.calls <= self.skip + self.often:
                    raise RuntimeError("something that nobody thought of")
            return real(*args, **kwargs)

        async def later(*args: Any, **kwargs: Any) -> Any:
            return await broken(*args, **kwargs)

        monkeypatch.setattr(
            self.place, self.name, later if inspect.iscoroutinefunction(real) else broken
        )


def of_acme(it: Any, *_: Any) -> bool:
    who = getattr(it, "organization", None) or getattr(it, "_organization", None)
    return bool(who == "acme")


LISTEN: dict[str, Any] = {"replication_url": None}
FAILS: dict[str, Fails] = {
    "reader": Fails(auto.AutoReader, "_open"),
    "reader upkeep": Fails(sent.Sent, "tend"),
    "schema": Fails(live_schema.LiveSchemas, "refresh", skip=1),
    "keys": Fails(auth.Authenticator, "_look"),
    "health": Fails(health.Health, "_next"),
    "sockets": Fails(sockets.Sockets, "_listen"),
    "claim news": Fails(claim_news.ClaimNews, "_say"),
    "notifications": Fails(notifications.Notifications, "_serve"),
    "housekeeping": Fails(routines, "housekeep"),
    "live view": Fails(live_view.LiveView, "_look", only=of_acme),
    # By the pump: a feed that has caught up flushes itself, which is the socket's failure.
    "flush": Fails(feed.DeltaFeed, "flush", only=lambda it: of_acme(it) and it._marked),
    "dispatch": Fails(channel.Channel, "receive", only=of_acme),
    "catch-up": Fails(listen, "advance", only=of_acme, settings=LISTEN),
    "listener": Fails(listen.ListenReader, "_follow_hints", settings=LISTEN),
    "socket upkeep": Fails(
        sockets.Sockets, "_tend_one", only=lambda _, session, *__: of_acme(session)
    ),
    "socket": Fails(follow_frames.FollowFrames, "ping", only=lambda _, each, *__: of_acme(each)),
}


async def goes_on(world: Any, fails: Fails, name: str) -> None:
    """Check that it has failed, that the metric counts, and that everybody is served."""
    acme = world.key()
    theirs = await (await world.client(key=world.key("user:g", "globex"))).start("default")
    ours: Any = None
    http = await world.http(acme)

    async def ask() -> None:
        body = {"claimIds": ["c"], "after": None, "seconds": 0.1}
        (await http.post("/api/v1/kernel/claim_news", json=body)).raise_for_status()

    counted = f'ablo_task_failures_total{{task="{name}"}}'
    number = 0
    with anyio.fail_after(30):
        while counted not in (await http.get("/metrics")).text:
            number += 1
            with suppress(ConnectionClosed):  # the one that fails
                if ours is None or ours.socket.state is not State.OPEN:
                    ours = await world.client(key=acme)
                    await ours.sync()
                await ours.send("ping")
                world.write(number, number)
                await ours.deltas(1)  # a feed that is asked meanwhile would flush itself
            await ask()
        assert fails.calls > fails.skip
        world.write(1001, 1001, "globex")
        assert [one["modelId"] for one in await theirs.deltas(1)] == ["t1001"]
        later = await (await world.client(key=acme)).start()
        world.write(1002, 1002)
        while (await later.deltas(1))[0]["modelId"] != "t1002":
            pass
        await ask()
        await theirs.settle()


@pytest.mark.parametrize("name", FAILS)
async def test_a_failure_takes_nothing_down(
    make_world: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fails = replace(FAILS[name])
    monkeypatch.setattr(reader, "TEND_SECONDS", 0.05)
    fails.put(monkeypatch)
    async with AsyncExitStack() as stack:
        world = await make_world(stack, canary_seconds=0.1, **fails.settings)
        await goes_on(world, fails, name)


async def test_a_stream_that_always_fails_leaves_listen(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = Fails(auto, "open_stream", often=1000)
    fails.put(monkeypatch)
    async with AsyncExitStack() as stack:
        await goes_on(await make_world(stack, canary_seconds=0.1), fails, "reader")


async def test_a_client_that_leaves_during_the_handshake_is_no_failure(
    make_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> None:
        raise ClientDisconnected

    async with AsyncExitStack() as stack:
        world = await make_world(stack, canary_seconds=0.1)
        monkeypatch.setattr(WebSocket, "accept", gone)
        with suppress(InvalidMessage, InvalidStatus, ConnectionClosed):
            await world.client()
        http = await world.http(world.key())
        with anyio.fail_after(8):
            while 'ablo_sockets_closed_total{code="1006"} 1.0' not in (
                shown := (await http.get("/metrics")).text
            ):
                await anyio.lowlevel.checkpoint()
        assert 'ablo_task_failures_total{task="socket"}' not in shown


@pytest.mark.parametrize("name", ["schema", "live view", "keys", "socket upkeep"])
async def test_the_check_catches_a_service_without_it(
    make_world: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A mutant: a failure goes where it went before, up to the service's task group."""

    async def bare(self: Tasks, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        await work()
        return True

    monkeypatch.setattr(Tasks, "attempt", bare)
    fails = replace(FAILS[name])
    fails.put(monkeypatch)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            await goes_on(await make_world(stack, canary_seconds=0.1), fails, name)

    with pytest.raises(BaseExceptionGroup) as caught:
        await run()
    assert caught.group_contains(RuntimeError, match="nobody thought of")
