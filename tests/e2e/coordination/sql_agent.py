"""Agents that speak SQL to the kernel's routines, as a client in any language could.

A write is sent with a key of its own; when its answer is lost with the connection, it is sent again
unchanged, and the receipt or the refusal says what became of it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Callable
from typing import Any, Final

import psycopg
from plan import Plan

ACQUIRE: Final = "select ablo.claim_acquire(%s, %s, %s, %s, %s::jsonb)"
GET: Final = "select ablo.claim_get(%s, %s, %s, true)"
HEARTBEAT: Final = "select ablo.claim_heartbeat(%s, %s, %s)"
RELEASE: Final = "select ablo.claim_release(%s, %s, %s)"
ROW_GET: Final = "select ablo.row_get(%s, %s, %s, %s)"
COMMIT: Final = "select ablo.commit(%s, %s, %s, %s::jsonb)"
# Seconds that one call may take. Protects an agent from a connection that hangs; a false alarm
# makes it connect again.
CALL: Final = 5.0

Json = dict[str, Any]


class Refused(Exception):
    """The database answered with an error; the argument is its code, or its SQLSTATE."""


class SqlAgent:
    """One participant on one connection."""

    def __init__(self, plan: Plan, name: str, tell: Callable[..., None]) -> None:
        self.plan = plan
        self.name = name
        self.tell = tell
        self.random = random.Random(name)
        self.conn: psycopg.AsyncConnection[Any] | None = None
        self.pending: tuple[str, str, str] | None = (
            None  # task, key, request of an unanswered write
        )

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.settle()
                await self.section()
            except Refused as refusal:
                self.tell("refused", who=self.name, code=str(refusal))
            except (psycopg.Error, TimeoutError, OSError) as lost:
                self.tell("lost", who=self.name, why=str(lost)[:200])
                await self.hang_up()
                await wait_or(stop, 0.1)
        await self.hang_up()

    async def connected(self) -> psycopg.AsyncConnection[Any]:
        if self.conn is None:
            self.conn = await psycopg.AsyncConnection.connect(
                self.plan.url, autocommit=True, connect_timeout=5
            )
            await self.conn.execute("listen ablo_claim")
        return self.conn

    async def hang_up(self) -> None:
        if self.conn is not None:
            conn, self.conn = self.conn, None
            await conn.close()

    async def ask(self, query: str, *arguments: object) -> Any:
        """Call a routine as this participant."""
        try:
            async with asyncio.timeout(CALL):
                conn = await self.connected()
                values = (self.plan.organization, self.name, *arguments)
                found = await (await conn.execute(query.encode(), values)).fetchone()
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(("57P", "08")):
                raise
            raise Refused(code_of(error)) from error
        assert found is not None
        return found[0]

    async def section(self) -> None:
        """Claim a row, wait for it, think, write what follows from what was read, release."""
        task, row = self.random.choice(self.plan.tasks), self.random.choice(self.plan.rows)
        if task in ("again", "reads"):
            await self.append_unclaimed(task, row)
            return
        answer = await self.claim(row, task)
        if answer is None:
            return
        claim = answer["claim"]
        await self.think(claim["id"])
        if self.plan.believes_it and claim["expiresAt"] < time.time() * 1000:
            raise Refused("the lease has run out, by this clock")
        await self.write(task, claim, self.operation(task, answer["data"]))
        await self.ask(RELEASE, claim["id"])

    async def claim(self, row: str, task: str) -> Json | None:
        request: Json = {"ttl": self.plan.ttl, "description": f"{self.name} works on its {task}"}
        if task == "note":
            request["fields"] = ["Note"]
        elif "note" in self.plan.tasks and self.random.random() < 0.5:
            request["fields"] = ["count", "entries"]
        answer: Json = await self.ask(ACQUIRE, self.plan.model, row, json.dumps(request))
        claim = answer["claim"]["id"]
        self.tell("asked", who=self.name, claim=claim, row=row)
        deadline = time.monotonic() + self.plan.patience
        while answer["claim"]["status"] == "queued":
            if time.monotonic() > deadline:
                await self.ask(RELEASE, claim)
                self.tell("gave_up", who=self.name, claim=claim)
                return None
            await self.hear(claim, answer["recheckMs"] / 1000)
            answer = await self.ask(GET, claim)
        if answer["claim"]["status"] != "active":
            self.tell("ended", who=self.name, claim=claim)
            return None
        self.tell("granted", who=self.name, claim=claim, row=row)
        return answer

    async def hear(self, claim: str, seconds: float) -> None:
        """Wait for a notification about our claim, or so long."""
        conn = await self.connected()
        async for heard in conn.notifies(timeout=seconds):
            if heard.payload in ("", claim):
                return

    async def think(self, claim: str) -> None:
        """Mostly a moment; at times longer than the lease, renewed or forgotten."""
        dice = self.random.randrange(100)
        if dice < self.plan.naps:
            await wait_or(asyncio.Event(), self.plan.ttl + 0.7)
        elif dice > 98:
            for _ in range(5):
                await wait_or(asyncio.Event(), self.plan.ttl / 4)
                await self.ask(HEARTBEAT, claim)
        else:
            await wait_or(asyncio.Event(), self.random.random() * 0.01)

    def operation(self, task: str, row: Json) -> Json:
        mark = uuid.UUID(int=self.random.getrandbits(128)).hex + self.name
        if task == "note":
            return {"data": {"note": mark}}
        if task == "append":
            return {"data": {"entries": [*(row["entries"] or []), mark]}, "transactionId": mark}
        return {"data": {"count": row["count"] + 1}, "transactionId": mark}

    async def write(self, task: str, claim: Json, operation: Json) -> None:
        """Write under the claim, with no other guard."""
        operation |= {
            "action": "update",
            "model": self.plan.model,
            "id": claim["target"]["id"],
            "claimId": claim["id"],
            "fenceToken": claim["fenceToken"],
        }
        self.pending = (task, uuid.uuid4().hex, json.dumps({"operations": [operation]}))
        await self.settle()

    async def append_unclaimed(self, task: str, row: str) -> None:
        """Append to what was read, and let the commit say whether that still holds; once."""
        read = await self.ask(ROW_GET, self.plan.model, row)
        operation = self.operation("append", read["row"])
        operation |= {"action": "update", "model": self.plan.model, "id": row}
        request: Json = {"operations": [operation]}
        if task == "again":
            operation["readAt"] = read["stamp"]
        else:
            premise = {"model": self.plan.model, "id": row, "readAt": read["stamp"]}
            request["reads"] = [premise | {"fields": ["entries"]}]
        self.pending = (task, uuid.uuid4().hex, json.dumps(request))
        await self.settle()

    async def settle(self) -> None:
        """Send the write whose answer is missing, if there is one; its key makes that safe."""
        if self.pending is None:
            return
        task, key, request = self.pending
        try:
            receipt = await self.ask(COMMIT, key, request)
        except Refused:
            self.pending = None
            raise
        self.pending = None
        mark = json.loads(request)["operations"][0].get("transactionId")
        told = {"key": key, "request": request, "receipt": receipt}
        self.tell("landed", who=self.name, mark=mark, task=task, **told)


async def wait_or(stop: asyncio.Event, seconds: float) -> None:
    """Wait so long, or until it is time to stop."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def code_of(error: psycopg.Error) -> str:
    """The kernel's code, else the SQLSTATE."""
    try:
        code = json.loads(error.diag.message_detail or "")["code"]
    except (ValueError, KeyError, TypeError):
        return str(error.sqlstate)
    return str(code)


async def run_agents(plan: Plan, tell: Callable[..., None], stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        for name in plan.names:
            group.create_task(SqlAgent(plan, name, tell).run(stop))
