"""A client on a live socket that notes every delta it is given and comes back from its cursor.

It speaks as the reactive clients do, gives a silent server up, and keeps a claim while it is
connected, so that there is something to be left behind.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from .load import wait_a_while
from .wal_oracle import ORGANIZATION, Change

# Seconds without a frame until it asks, and until it believes that nobody is there. A false alarm
# costs a reconnect, which it has to survive anyway.
SILENCE = 0.5
PATIENCE = 2.0
PAUSE = 0.05  # seconds between two attempts


class Silent(Exception):
    """The server does not answer."""


class Follower:
    """`doors` are tried one after the other; `taken` is what came in, in order, with repeats."""

    organization = ORGANIZATION
    claiming = True

    def __init__(self, name: str, key: str, doors: list[str]) -> None:
        self.name = name
        self.taken: list[Change] = []
        self.position: int | None = None
        self.sessions = 0
        self.troubles: list[str] = []
        self._reading = anyio.Event()
        self._reading.set()
        self._key = key
        self._doors = doors
        self.attempts = 0

    def pause(self) -> None:
        """Stop reading; the connection stays."""
        self._reading = anyio.Event()

    def resume(self) -> None:
        """Read on."""
        self._reading.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            door = self._doors[self.attempts % len(self._doors)]
            self.attempts += 1
            try:
                await self._follow(door)
            except (OSError, Silent, WebSocketException, TimeoutError):
                await wait_a_while(PAUSE)

    async def _follow(self, door: str) -> None:
        cursor = "" if self.position is None else str(self.position)
        url = f"{door.replace('http', 'ws', 1)}/api/sync/ws?deltas=every&cursor={quote(cursor)}"
        socket = await connect(
            url,
            subprotocols=[f"ablo.bearer.{self._key}", "ablo.sync.v1"],  # type: ignore[list-item]
            compression=None,
            max_size=None,
            max_queue=4,
            ping_interval=None,
            open_timeout=PATIENCE,
            close_timeout=PAUSE,
        )
        try:
            await self._greet(socket)
            while True:
                self._frame(await self._receive(socket))
        finally:
            socket.transport.abort()

    async def _greet(self, socket: ClientConnection) -> None:
        cursor = None if self.position is None else str(self.position)
        asked: dict[str, Any] = {
            "cursor": cursor,
            "lastSyncId": self.position or 0,
            "capabilities": [],
        }
        groups = {"syncGroups": ["default", f"org:{self.organization}"]}
        await self._say(socket, "update_subscription", groups)
        await self._say(socket, "sync_request", asked | {"protocolVersion": 1})
        if self.claiming:
            claim = {"claimId": str(uuid4()), "entityType": "tasks"}
            claim |= {"entityId": f"seed-{self.name}", "description": "following"}
            await self._say(socket, "claim_begin", claim | {"estimatedMs": 1500, "queue": True})

    async def _say(self, socket: ClientConnection, kind: str, payload: dict[str, Any]) -> None:
        await socket.send(json.dumps({"type": kind, "payload": payload}))

    async def _receive(self, socket: ClientConnection) -> dict[str, Any]:
        await self._reading.wait()
        for patience in (SILENCE, PATIENCE):
            with anyio.move_on_after(patience):
                found: dict[str, Any] = json.loads(await socket.recv())
                return found
            await socket.send('{"type":"ping"}')
        raise Silent

    def _frame(self, frame: dict[str, Any]) -> None:
        payload = frame.get("payload", {})
        if frame["type"] == "delta":
            self.take(payload.get("deltas", [payload]))
        elif frame["type"] == "sync_response":
            if payload.get("error"):
                self.troubles.append(str(payload["error"]))
            self.sessions += 1
            if self.position is None:
                self.position = payload["currentSyncId"]
            self.take(payload["deltas"])

    def take(self, deltas: list[dict[str, Any]]) -> None:
        """Note deltas; the last one is where it goes on from."""
        for delta in deltas:
            data = delta["data"]
            self.note(
                Change(delta["id"], delta["actionType"], delta["modelId"], data and data["title"])
            )
            self.position = delta["id"]

    def note(self, change: Change) -> None:
        """Keep one delta."""
        self.taken.append(change)


class Forgetful(Follower):
    """Loses the `number`th delta that it is given: the mutant that every verdict has to catch."""

    number = 1500
    lost: Change | None = None

    def note(self, change: Change) -> None:
        """Keep one delta, or lose it."""
        if self.lost is None and len(self.taken) + 1 == self.number:
            self.lost = change
        else:
            super().note(change)
