"""Tenant bleed: fifty organizations on three connections, errors and cancellations in between."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anyio
import psycopg
import pytest

from ablo_pg.relay.auth import Authenticator, Credential

pytestmark = pytest.mark.anyio

ORGANIZATIONS = 50
LATECOMERS = 6  # callers that go on at once after an answer that came too late; all others wait
ROUNDS = 3
ROWS = 2
TASKS = "/api/v1/models/tasks"


class Bleed(AssertionError):
    """One organization saw what another wrote."""


@dataclass
class Line:
    """A caller's way to the relay, a connection a request; a whole HTTP client costs more CPU."""

    url: str
    key: str

    async def ask(self, method: str, path: str, body: Any) -> tuple[int, str]:
        """Send a request; return the answer's status and body. Who is cancelled hangs up."""
        sent = b"" if body is None else json.dumps(body).encode()
        at = urlsplit(self.url)
        head = f"{method} {path} HTTP/1.1\r\nhost: {at.netloc}\r\nconnection: close\r\n"
        head += f"authorization: Bearer {self.key}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(sent)}\r\n\r\n"
        async with await anyio.connect_tcp(str(at.hostname), int(at.port or 80)) as stream:
            await stream.send(head.encode() + sent)
            answer = b"".join([part async for part in stream]).decode()
        top, _, text = answer.partition("\r\n\r\n")
        return int(top.split()[1]), text


class Tenant:
    """An organization's caller; whatever it is answered must hold no other's canary."""

    def __init__(
        self, line: Line, number: int, chance: random.Random, door: anyio.CapacityLimiter
    ) -> None:
        self.line = line
        self.number = number
        self.chance = chance
        self.door = door
        self.late = False
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
        if answer is not None and answer[0] == 201:
            self.rows.add(row)

    async def read(self) -> None:
        answer = await self.ask("GET", f"{TASKS}?limit=1000")
        if answer is None or answer[0] != 200:
            return
        rows = json.loads(answer[1])["data"]
        if {row["organizationId"] for row in rows} - {f"org{self.number}"}:
            raise Bleed(f"org{self.number} lists another's rows")
        if not self.rows <= {row["id"] for row in rows}:
            raise Bleed(f"org{self.number} misses rows of its own")

    async def fail(self) -> None:
        await self.ask("PATCH", f"{TASKS}/nobody", {"data": {"title": self.canary}})
        await self.ask("POST", TASKS, {"id": "bad", "data": {"title": 3, "x": self.canary}})
        await self.ask("GET", f"{TASKS}?title={self.canary}&order_by=nope")

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, str] | None:
        """Send a request; one in five is given up at a random moment."""
        if self.late:  # fifty at once are many for a busy machine: it backs off, as a client does
            async with self.door:
                return await self._ask(method, path, body)
        return await self._ask(method, path, body)

    async def _ask(self, method: str, path: str, body: Any) -> tuple[int, str] | None:
        seconds = self.chance.uniform(0, 0.03) if self.chance.random() < 0.2 else 30
        with anyio.move_on_after(seconds):
            answer = await self.line.ask(method, path, body)
            self.answered += 1
            text = answer[1].replace(self.canary, "")
            if "canary-" in text:
                raise Bleed(f"org{self.number} was answered {text[:300]}")
            self.late = answer[0] >= 500
            return answer
        return None


def canary(number: int) -> str:
    return f"canary-{number:03d}-{number * 7919:08x}"


async def storm(world: Any, **settings: Any) -> list[Tenant]:
    """Let them all loose at once, while a lock makes some statements wait and be cancelled."""
    relay = await world.start(
        pool_size=3, request_seconds=0.4, requests_per_second=10_000, **settings
    )
    chance, door = random.Random(11), anyio.CapacityLimiter(LATECOMERS)
    tenants = [
        Tenant(Line(relay.url, world.key(f"org{n}")), n, chance, door) for n in range(ORGANIZATIONS)
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
