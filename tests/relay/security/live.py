"""A socket as an attacker, or a client, has it: frames as they come, and how it ended."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Frame = dict[str, Any]


@dataclass
class Socket:
    """One live socket; everything that came is kept."""

    connection: ClientConnection
    seen: list[str] = field(default_factory=list)

    async def send(self, kind: str, **payload: Any) -> None:
        """Send a frame."""
        await self.connection.send(json.dumps({"type": kind, "payload": payload}))

    async def take(self, kind: str) -> Frame:
        """Read until a frame of this type comes; return its payload."""
        with anyio.fail_after(30):
            while True:
                text = str(await self.connection.recv())
                self.seen.append(text)
                found = json.loads(text)
                if found["type"] == kind:
                    return dict(found.get("payload", {}))

    async def ended(self, seconds: float) -> tuple[int, str]:
        """Read until the server closes; return code and reason. Raises TimeoutError."""
        with anyio.fail_after(seconds), contextlib.suppress(ConnectionClosed):
            while True:
                self.seen.append(str(await self.connection.recv()))
        return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def socket(
    relay: Any, key: str, query: str = "cursor=", **options: Any
) -> AsyncIterator[Socket]:
    """Open a socket with a key, in the order that clients keep to."""
    url = relay.url.replace("http", "ws") + f"/api/sync/ws?{query}"
    given = {"subprotocols": [f"ablo.bearer.{key}", "ablo.sync.v1"], "compression": None}
    async with connect(url, **{**given, "close_timeout": 0.5, **options}) as connection:
        made = Socket(connection)
        await made.send("sync_request", cursor=None, lastSyncId=0, protocolVersion=1)
        await made.take("sync_response")
        yield made
