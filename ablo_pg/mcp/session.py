"""One agent's session on a relay: its calls, and the claims that it holds."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import anyio
import httpcore

from ablo_pg.errors import AbloConnectionError, AbloError
from ablo_pg.json_text import dumps
from ablo_pg.schema import ModelSpec, parse_schema_json
from ablo_pg.wire.relay_url import relay_origin

Json: TypeAlias = dict[str, Any]
TTL: Final = "60s"  # of a claim: if the agent's process dies, its rows are free by then
BEAT_SECONDS: Final = 20.0
LOOK_SECONDS: Final = 0.5  # of a waiter, between two looks at its place
CALL_SECONDS: Final = 60.0


class Refusal(AbloError):
    """What the relay refuses, as its problem body: the agent reads it, and goes on."""

    def __init__(self, problem: Json) -> None:
        super().__init__(
            str(problem.get("message", "refused")),
            code=str(problem.get("code", "internal_error")),
            remedy=problem.get("remedy"),
        )
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The models of the active schema that the key may use, and for what.

    verbs: by verb (read, create, update, delete), the keys of models.
    """

    version: int
    models: dict[str, ModelSpec]
    verbs: dict[str, list[str]]

    @property
    def writable(self) -> list[str]:
        """The models that the key may write to in some way."""
        return [
            key
            for key in self.models
            if any(key in self.verbs[verb] for verb in ("create", "update", "delete"))
        ]


@dataclass(slots=True)
class Session:
    """Calls of one key. `open_session` makes it."""

    origin: str
    key: str = field(repr=False)
    pool: httpcore.AsyncConnectionPool
    claims: dict[tuple[str, str], str] = field(default_factory=dict)  # held: (model, id) -> claim
    waiting: set[str] = field(default_factory=set)  # claims in a queue

    async def call(
        self, method: str, path: str, body: object = None, *, key: str | None = None
    ) -> Json:
        """Send a request; return its JSON. Raises Refusal for a refusal of the relay's.

        key: the idempotency key; a request is sent again under it if the connection breaks.
        """
        content = None if body is None else dumps(body)
        headers = [("Authorization", f"Bearer {self.key}"), ("Content-Type", "application/json")]
        if method != "GET":
            headers.append(("Idempotency-Key", key or str(uuid.uuid4())))
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), CALL_SECONDS)
        for attempt in (1, 2):
            try:
                answer = await self.pool.request(
                    method,
                    self.origin + path,
                    headers=headers,
                    content=content,
                    extensions={"timeout": timeouts},
                )
                break
            except (httpcore.NetworkError, httpcore.ProtocolError) as exc:
                if attempt == 2:
                    raise AbloConnectionError(
                        f"the relay at {self.origin} does not answer: {exc or type(exc).__name__}",
                        remedy="start it, or correct ABLO_API_URL",
                    ) from exc
        try:
            found = json.loads(answer.content)
        except ValueError:
            found = {"code": "internal_error", "message": f"the relay answered {answer.status}"}
        made: Json = found if isinstance(found, dict) else {"message": str(found)}
        if answer.status >= 400:
            raise Refusal(made)
        return made

    async def catalogue(self) -> Catalogue:
        """Read the active schema, and what the key may do with it."""
        told = await self.call("GET", "/api/schema")
        identity = await self.call("GET", "/api/auth/identity")
        allowed = set(identity["authority"]["operations"])
        document = {one["key"]: {name: one[name] for name in ("fields", "relations", "typename")}
                    for one in told["models"]}  # fmt: skip
        spec = parse_schema_json({"v": 3, "models": document})
        models = {one.key: one for one in spec.models}
        verbs = {
            verb: [k for k, one in models.items() if f"{one.typename.lower()}.{verb}" in allowed]
            for verb in ("read", "create", "update", "delete")
        }
        return Catalogue(int(told.get("version", 0)), models, verbs)

    async def claim(
        self,
        model: str,
        id: str,
        description: str,
        wait: float,
        told: Callable[[str], Awaitable[None]],
    ) -> Json:
        """Claim a row, waiting in its queue for at most so many seconds; return claim and row."""
        path = f"/api/v1/models/{quoted(model)}/{quoted(id)}"
        body = {"description": description, "ttl": TTL, "queue": wait > 0}
        found = await self.call("POST", f"{path}/claim", body)
        claim, held = str(found["id"]), found["status"] == "active"
        if not held:
            held = await self._granted(claim, wait, told)
        if not held:
            return {"claimed": False, "waitedSeconds": wait, "queue": await self.holders(model, id)}
        self.claims[model, id] = claim
        row = await self.call("GET", path)
        return {"claimed": True, "claimId": claim, "row": row["data"], "stamp": row["stamp"]}

    async def holders(self, model: str, id: str) -> Json:
        """Return who holds a row, and who waits."""
        return await self.call("GET", f"/api/v1/claims?model={quoted(model)}&id={quoted(id)}")

    async def _granted(
        self, claim: str, wait: float, told: Callable[[str], Awaitable[None]]
    ) -> bool:
        """Wait for a grant; a waiter that gives up leaves its queue."""
        self.waiting.add(claim)
        try:
            with anyio.move_on_after(wait):
                while True:
                    found = await self.call(
                        "POST", f"/api/v1/claims/{claim}/heartbeat", {"ttl": TTL}
                    )
                    if found["status"] == "held":
                        self.waiting.discard(claim)
                        return True
                    await told(f"waiting in the queue of the row, at place {found.get('position')}")
                    await anyio.sleep(LOOK_SECONDS)
            return False
        finally:
            if claim in self.waiting:
                self.waiting.discard(claim)
                with anyio.CancelScope(shield=True):
                    await self._end(claim)

    async def release(self, model: str, id: str) -> bool:
        """Release this session's claim on a row; False if it holds none."""
        claim = self.claims.pop((model, id), None)
        if claim is None:
            return False
        found = await self.call("DELETE", f"/api/v1/claims/{claim}")
        return bool(found["released"])

    async def _end(self, claim: str) -> None:
        with anyio.move_on_after(5):
            try:
                await self.call("DELETE", f"/api/v1/claims/{claim}")
            except (Refusal, AbloConnectionError):  # its lease ends it
                return

    async def beat(self) -> None:
        """Renew what the session holds, until cancelled; forget what it has lost."""
        while True:
            await anyio.sleep(BEAT_SECONDS)
            for place, claim in list(self.claims.items()):
                try:
                    await self.call("POST", f"/api/v1/claims/{claim}/heartbeat", {"ttl": TTL})
                except Refusal:
                    if self.claims.get(place) == claim:
                        del self.claims[place]
                except AbloConnectionError:
                    break


@asynccontextmanager
async def open_session(url: str, key: str) -> AsyncIterator[Session]:
    """Open a session; its claims are renewed, and released at its end.

    Raises Refusal for a key that the relay does not know, AbloConnectionError if it is not there.
    """
    async with httpcore.AsyncConnectionPool(max_connections=10) as pool:
        session = Session("".join(relay_origin(url, "url")), key, pool)
        await session.catalogue()  # finds a wrong URL or key at once
        async with anyio.create_task_group() as group:
            group.start_soon(session.beat)
            try:
                yield session
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    for claim in [*session.claims.values(), *session.waiting]:
                        await session._end(claim)


def quoted(text: str) -> str:
    """Return a path segment."""
    return quote(text, safe="")
