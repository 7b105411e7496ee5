"""Sockets of actors that may read different rows share a relay, and none gets another's variant."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ablo_pg import Model, allow, define_schema
from ablo_pg.cluster import Server
from ablo_pg.delta import Delta
from ablo_pg.relay.ws.pump import DeltaEncoder
from ablo_pg.testing import DatabaseHandle, make_database

pytestmark = pytest.mark.anyio
ORDERS = [*itertools.permutations(["ann", "bob", "cy"]), ("bob", "ann", "bob", "ann")]
HIDDEN = "hidden past"


class Task(Model):
    title: str
    owner_id: str
    private: bool = True
    permissions = allow(read="owner_id = actor.user_id or private = false")


@pytest.fixture(scope="module")
def shared_db(cluster: Server) -> Iterator[DatabaseHandle]:
    with make_database(define_schema(tasks=Task), server=cluster) as handle:
        yield handle


@pytest.fixture
def db(shared_db: DatabaseHandle) -> DatabaseHandle:
    return shared_db


async def shown_wrong(world: Any, order: Sequence[str], row: str, every: bool) -> list[str]:
    """Show and hide a row of ann's; return who was not sent what it may see of that."""
    clients = [await (await world.client(f"user:{who}", every=every)).start() for who in order]
    ann = clients[order.index("ann")]
    made = {"title": HIDDEN, "ownerId": "ann"}
    steps = (made, {"title": "shown", "private": False}, {"title": "again"}, {"private": True})
    told: list[list[tuple[str, bool, bool]]] = [[] for _ in order]
    for number, given in enumerate(steps):
        kind = "UPDATE" if number else "CREATE"
        operation = {"type": kind, "model": "tasks", "id": row, "input": given}
        assert (await ann.commit(operation, tx=f"{row}-{number}"))["success"]
        for who, client, shown in zip(order, clients, told, strict=True):
            if number or who == "ann":  # now, or those that come together are one to some
                (one,) = await client.deltas(1)
                text = json.dumps(one)
                shown.append((one["actionType"], "before" in text, HIDDEN in text))
    wrong = []
    for who, client, shown in zip(order, clients, told, strict=True):
        past = every  # what was before is for a client that takes every delta
        wanted = [("I", False, True), ("U", past, past), ("U", past, False), ("U", past, False)]
        if who != "ann":
            wanted = [("U", False, False), ("U", past, False), ("D", False, False)]
        if shown != wanted:
            wrong.append(f"{order} {who}: {shown}")
        await client.socket.close()
    return wrong


@pytest.mark.parametrize("every", [True, False])
async def test_a_socket_gets_what_its_actor_may_read_whichever_joined_first(
    world: Any, every: bool
) -> None:
    wrong = [
        await shown_wrong(world, order, f"{'every' if every else 'one'}{number}", every)
        for number, order in enumerate(ORDERS)
    ]
    assert [line for each in wrong for line in each] == []


async def test_the_test_catches_frames_that_are_found_by_sync_ids(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = DeltaEncoder.frame
    frames: dict[Any, bytes] = {}

    def mutant(self: DeltaEncoder, deltas: Sequence[Delta], **how: bool) -> bytes:
        key = (*((one.sync_id, one.row is None) for one in deltas), *how.values())
        return frames.setdefault(key, frame(self, deltas, **how))

    monkeypatch.setattr(DeltaEncoder, "frame", mutant)
    assert await shown_wrong(world, ("ann", "bob"), "caught", True) != []
