"""Tenant bleed: fifty organizations on three connections, errors and cancellations in between."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.relay.auth import Authenticator, Credential

pytestmark = pytest.mark.anyio

ORGANIZATIONS = 50
AT_ONCE = 6  # requests: two for each connection, and a slow machine answers most in time
ROUNDS = 3
ROWS = 2
TASKS = "/api/v1/models/tasks"


class Bleed(AssertionError):
    """One organization saw what another wrote."""


class Tenant:
    """An organization's caller; whatever it is answered must hold no other's canary."""

    def __init__(
        self, api: Any, number: int, chance: random.Random, door: anyio.CapacityLimiter
    ) -> None:
        self.api = api
        self.door = door
        self.number = number
        self.chance = chance
        self.canary = canary(number)
        self.rows: set[str] = set()
        self.answered = 0

    async def run(self) -> None:
        """Take so many rounds, and on a slow machine more: until there are rows to tell apart."""
        for turn in itertools.count():
            if turn >= ROUNDS and len(self.rows) >= ROWS:
                return
            await self.write(turn)
            await self.read()
            await self.fail()

    async def write(self, turn: int) -> None:
        row = f"shared-{turn}"  # the same ids in every organization
        body = {"id": row, "data": {"title": self.canary}}
        answer = await self.ask("POST", TASKS, body)
        if answer is not None and answer.status_code == 201:
            self.rows.add(row)

    async def read(self) -> None:
        answer = await self.ask("GET", f"{TASKS}?limit=1000")
        if answer is None or answer.status_code != 200:
            return
        rows = answer.json()["data"]
        if {row["organizationId"] for row in rows} - {f"org{self.number}"}:
            raise Bleed(f"org{self.number} lists another's rows")
        if not self.rows <= {row["id"] for row in rows}:
            raise Bleed(f"org{self.number} misses rows of its own")

    async def fail(self) -> None:
        await self.ask("PATCH", f"{TASKS}/nobody", {"data": {"title": self.canary}})
        await self.ask("POST", TASKS, {"id": "bad", "data": {"title": 3, "x": self.canary}})
        await self.ask("GET", f"{TASKS}?title={self.canary}&order_by=nope")

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request; one in five is given up at a random moment."""
        seconds = self.chance.uniform(0, 0.03) if self.chance.random() < 0.2 else 30
        async with self.door:
            return await self._ask(method, path, body, seconds)

    async def _ask(self, method: str, path: str, body: Any, seconds: float) -> Any:
        with anyio.move_on_after(seconds):
            answer = await self.api(method, path, body)
            self.answered += 1
            text = answer.text.replace(self.canary, "")
            if "canary-" in text:
                raise Bleed(f"org{self.number} was answered {text[:300]}")
            return answer
        return None


def canary(number: int) -> str:
    return f"canary-{number:03d}-{number * 7919:08x}"


async def storm(world: Any, **settings: Any) -> list[Tenant]:
    """Let them all loose at once, while a lock makes some statements wait and be cancelled."""
    relay = await world.start(
        pool_size=3, request_seconds=0.4, requests_per_second=10_000, **settings
    )
    chance, door = random.Random(11), anyio.CapacityLimiter(AT_ONCE)
    tenants = [
        Tenant(await world.with_key(world.key(f"org{n}"), relay), n, chance, door)
        for n in range(ORGANIZATIONS)
    ]
    async with await psycopg.AsyncConnection.connect(world.db.admin_url) as conn:
        await tenants[0].write(99)
        await conn.execute("select from tasks where id = 'shared-99' for update")
        async with anyio.create_task_group() as group:
            for tenant in tenants:
                group.start_soon(tenant.run)
            for _ in range(5):  # statements that wait for the lock until their request ends
                await tenants[0].ask("PATCH", f"{TASKS}/shared-99", {"data": {"title": "late"}})
    return tenants


async def test_no_organization_sees_another_whatever_is_cancelled(world: Any) -> None:
    tenants = await storm(world)
    assert sum(tenant.answered for tenant in tenants) > ORGANIZATIONS * ROUNDS
    assert sum(len(tenant.rows) for tenant in tenants) >= ORGANIZATIONS * ROWS
    for tenant in tenants:  # and at rest each has its own
        await tenant.read()


@pytest.fixture
def confused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that once in a while takes a caller for the one before."""
    real: Callable[..., Any] = Authenticator.authenticate
    calls: list[Credential] = []

    async def authenticate(self: Authenticator, token: str | None) -> Credential:
        found: Credential = await real(self, token)
        calls.append(found)
        return calls[-2] if len(calls) % 15 == 0 else found

    monkeypatch.setattr(Authenticator, "authenticate", authenticate)


async def test_the_check_catches_a_relay_that_confuses_callers(world: Any, confused: None) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await storm(world)
    assert caught.group_contains(Bleed)
