"""Writers that go on through any fault: plain SQL beside the relay, commits through it."""

from __future__ import annotations

import random
from collections import Counter

import anyio
import httpx
import psycopg

WRITERS = 2
ROWS = 300  # of each writer: most are written again and again
# Seconds from one transaction to the next: some 4,000 deltas a second, so that faults come while
# deltas flow and a slow machine is not asked for more than it can do.
PACE = 0.015
RETRY = 0.05

UPSERT = """
insert into tasks (id, organization_id, title) select unnest(%s::text[]), 'acme', %s
on conflict (organization_id, id) do update set title = excluded.title"""
DELETE = "delete from tasks where id = any(%s)"


async def wait_a_while(seconds: float) -> None:
    """Pace writers, attempts at a server that is gone, and faults that last; it decides nothing."""
    await anyio.sleep(seconds)


class Load:
    """What goes on.

    written: rows changed. acknowledged: rows whose creation the relay has confirmed. refused: how
    often it answered with an error, by code.
    """

    def __init__(self, admin_url: str, key: str, doors: list[str]) -> None:
        self.written = 0
        self.acknowledged: list[str] = []
        self.refused: Counter[str] = Counter()
        self.stopping = False
        self._admin_url = admin_url
        self._headers = {"authorization": f"Bearer {key}"}
        self._doors = doors

    def has_written(self, count: int) -> bool:
        """Whether so many rows were changed."""
        return self.written >= count

    async def run(self) -> None:
        """Write until `stopping`, and what was begun to its end."""
        async with anyio.create_task_group() as group:
            for number in range(WRITERS):
                group.start_soon(self._write, number)
            group.start_soon(self._commit)

    async def _write(self, number: int) -> None:
        chance = random.Random(number)
        while not self.stopping:
            try:
                connecting = psycopg.AsyncConnection.connect(self._admin_url, autocommit=True)
                async with await connecting as conn:
                    while not self.stopping:
                        await self._transaction(conn, number, chance)
            except psycopg.Error:  # the server went; whether the last one counts, the WAL says
                await wait_a_while(RETRY)

    async def _transaction(
        self, conn: psycopg.AsyncConnection, number: int, chance: random.Random
    ) -> None:
        rows = [f"w{number}-{n}" for n in chance.sample(range(ROWS), chance.randint(1, 80))]
        if chance.random() < 0.15:
            cursor = await conn.execute(DELETE, [rows])
        else:
            cursor = await conn.execute(UPSERT, [rows, f"it's {self.written}"])
        self.written += cursor.rowcount
        await wait_a_while(PACE)

    async def _commit(self) -> None:
        number = 0
        async with httpx.AsyncClient(headers=self._headers, timeout=3, verify=False) as http:
            while not self.stopping:
                await self._create(http, f"c{number}")
                number += 1
                await wait_a_while(PACE)

    async def _create(self, http: httpx.AsyncClient, row: str) -> None:
        """Create a row through the relay, however often it takes, under one key."""
        body = {"id": row, "data": {"title": f"title of {row}"}}
        headers = {"idempotency-key": f"create-{row}"}
        attempt = 0
        while True:
            door = self._doors[attempt % len(self._doors)]
            attempt += 1
            try:
                answer = await http.post(f"{door}/api/v1/models/tasks", json=body, headers=headers)
            except httpx.TransportError:
                await wait_a_while(RETRY)
                continue
            if answer.is_success:
                self.acknowledged.append(row)
                return
            assert answer.status_code == 429 or answer.status_code >= 500, answer.text
            self.refused[answer.json()["code"]] += 1
            await wait_a_while(RETRY)
