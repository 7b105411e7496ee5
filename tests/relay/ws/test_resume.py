"""I7 over sockets: whoever breaks off and comes again, at any moment, misses nothing.

The checker folds every delta that a client was given into its own rows and compares with SELECT; it
is shown to catch a relay that loses a single delta.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.delta import Delta
from ablo_pg.relay.ws.pump import DeltaEncoder

pytestmark = pytest.mark.anyio

WRITERS = 3
ROUNDS = 60


class Replica:
    """What a client has made of its deltas."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.position = 0
        self.taken: list[int] = []

    def take(self, deltas: list[dict[str, Any]]) -> None:
        """Take deltas as the SDK does: one that is not above the position is dropped."""
        for delta in deltas:
            if delta["id"] <= self.position:
                continue
            self.position = delta["id"]
            self.taken.append(delta["id"])
            if delta["actionType"] == "D":
                self.rows.pop(delta["modelId"], None)
            else:
                self.rows[delta["modelId"]] = delta["data"]["title"]


async def write(world: Any, name: str, seed: int, stop: anyio.Event) -> None:
    """Change rows as a plain SQL writer, several in a transaction, until told to stop."""
    chance = random.Random(seed)
    connect = psycopg.AsyncConnection.connect
    async with await connect(world.db.admin_url, autocommit=True) as conn:
        step = 0
        while not stop.is_set():
            step += 1
            async with conn.transaction():
                for _ in range(chance.randint(1, 5)):
                    row = f"{name}{chance.randint(0, 30)}"
                    if chance.random() < 0.2:
                        await conn.execute("delete from tasks where id = %s", (row,))
                    else:
                        await conn.execute(
                            "insert into tasks (id, organization_id, title, status)"
                            " values (%s, 'acme', %s, 'todo') on conflict (organization_id, id)"
                            " do update set title = excluded.title",
                            (row, f"{step}"),
                        )


async def follow(world: Any, relays: Sequence[Any], key: str, replica: Replica, seed: int) -> None:
    """Follow through connections that break after a few frames, on one relay and the other."""
    chance = random.Random(seed)
    cursor = ""
    for _ in range(ROUNDS):
        relay = chance.choice(relays)
        client = await world.client(key=key, relay=relay, cursor=cursor)
        answer = await client.sync(cursor or None, replica.position)
        replica.take(answer["deltas"])
        cursor = answer["newCursor"]
        for _ in range(chance.randint(0, 4)):
            with anyio.move_on_after(0.05):
                payload = await client.take("delta")
                replica.take(payload.get("deltas", [payload]))
        client.socket.transport.abort()


async def finish(world: Any, key: str, replica: Replica) -> list[str]:
    """Take the rest; return in what the replica differs from the database."""
    client = await world.client(key=key)
    answer = await client.sync(str(replica.position), replica.position)
    replica.take(answer["deltas"])
    log = world.log()
    with anyio.move_on_after(30):
        while replica.position < log[-1]:
            payload = await client.take("delta")
            replica.take(payload.get("deltas", [payload]))
    wrong = []
    if replica.rows != dict(world.sql("select id, title from tasks")):
        wrong.append("rows")
    if replica.taken != log[log.index(replica.taken[0]) :]:
        wrong.append("ids")
    return wrong


async def run(world: Any, relays: Sequence[Any]) -> list[str]:
    """Write and follow side by side; return what is wrong at the end."""
    key = world.key()
    replica = Replica()
    stop = anyio.Event()
    async with anyio.create_task_group() as group:
        for number in range(WRITERS):
            group.start_soon(write, world, f"w{number}-", number, stop)
        await follow(world, relays, key, replica, 7)
        stop.set()
    assert len(replica.taken) > ROUNDS
    return await finish(world, key, replica)


async def test_i7_resume_over_broken_sockets_and_two_relays(world: Any) -> None:
    relays = [world.relay, await world.start()]
    assert await run(world, relays) == []


async def test_i7_the_checker_catches_a_single_lost_delta(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = DeltaEncoder._one
    lost: set[int] = set()

    def forgetful(self: DeltaEncoder, delta: Delta, *, every: bool) -> bytes:
        if not lost and delta.sync_id > 200:
            lost.add(delta.sync_id)
        return b'{"id":0}' if delta.sync_id in lost else encoded(self, delta, every=every)

    monkeypatch.setattr(DeltaEncoder, "_one", forgetful)
    assert "ids" in await run(world, [world.relay])
    assert len(lost) == 1
