"""Agents that use the library: an `AsyncAblo` each, all in one process and event loop."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from typing import Any

from models import SCHEMA
from plan import Plan

from ablo_pg import AsyncAblo
from ablo_pg.errors import AbloConnectionError, AbloError, AbloTimeoutError


class ClientAgent:
    """One participant. A section whose answer is lost counts as not acknowledged."""

    def __init__(self, plan: Plan, name: str, tell: Callable[..., None]) -> None:
        self.plan = plan
        self.name = name
        self.tell = tell
        self.random = random.Random(name)

    async def run(self, stop: asyncio.Event) -> None:
        async with AsyncAblo(
            schema=SCHEMA,
            database_url=self.plan.url,
            organization=self.plan.organization,
            participant=self.name,
            pool_max_size=1,
            timeout=5.0,
        ) as ablo:
            model = getattr(ablo, self.plan.model)
            while not stop.is_set():
                try:
                    await self.section(model)
                except (AbloConnectionError, AbloTimeoutError) as lost:
                    event = "gave_up" if lost.code == "grant_timeout" else "lost"
                    self.tell(event, who=self.name, why=str(lost)[:200])
                    await wait_or(stop, 0.1)
                except AbloError as refusal:
                    self.tell("refused", who=self.name, code=refusal.code)

    async def section(self, model: Any) -> None:
        task, row = self.random.choice(self.plan.tasks), self.random.choice(self.plan.rows)
        mark = uuid.UUID(int=self.random.getrandbits(128)).hex + self.name
        if task == "again":
            await model.update(row, lambda found: appended(found, mark))
        elif task == "reads":
            found = await model.retrieve(row)
            await model.update(row, appended(found, mark), reads=[found])
        else:
            await self.claimed(model, row, task, mark)
            if task == "note":
                return
        self.tell("landed", who=self.name, mark=mark, task=task)

    async def claimed(self, model: Any, row: str, task: str, mark: str) -> None:
        """Claim, think, write what follows from what was read; the claim's end gives it back."""
        fields = ["note"] if task == "note" else None
        action = f"{self.name} works on its {task}"
        patience = self.plan.patience
        async with model.claim(
            row, action=action, ttl=self.plan.ttl, fields=fields, timeout=patience
        ) as claim:
            self.tell("granted", who=self.name, claim=claim.id, row=row)
            await self.think()
            if task == "count":
                data = {"count": claim.data.count + 1, "note": mark}
            elif task == "append":
                data = appended(claim.data, mark)
            else:
                data = {"note": "noted"}
            await model.update(row, data)

    async def think(self) -> None:
        """Mostly a moment; at times longer than the lease, which renews itself meanwhile.

        A nap blocks the event loop, and with it all other agents of the process.
        """
        dice = self.random.randrange(100)
        if dice < self.plan.naps:
            _wait_blocking(self.plan.ttl + 0.7)
        elif dice > 98:
            await wait_or(asyncio.Event(), self.plan.ttl * 1.5)
        else:
            await wait_or(asyncio.Event(), self.random.random() * 0.01)


def appended(row: Any, mark: str) -> dict[str, list[str]]:
    return {"entries": [*(row.entries or []), mark]}


def _wait_blocking(seconds: float) -> None:
    """Keep the whole process from its event loop: what is tried is that the lease outlives it."""
    time.sleep(seconds)


async def wait_or(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def run_agents(plan: Plan, tell: Callable[..., None], stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        for name in plan.names:
            group.create_task(ClientAgent(plan, name, tell).run(stop))
