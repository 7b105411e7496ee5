"""Incoming frames: read, bounded, classified, and put into the lane that handles them.

There is no frame for "that was not a frame": a client would throw at one. A frame that is malformed
or too large (but not so large that the server itself ends the connection) is refused in its turn if
it has an answer, because it would be sent again and again. Otherwise it is counted and skipped, and
a client that keeps sending such frames is closed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from ablo_pg.errors import AbloError, AbloRateLimitError, error_for
from ablo_pg.relay.http.limits import RateLimit
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.shares import aside
from ablo_pg.relay.ws.claim_frames import ClaimFrames
from ablo_pg.relay.ws.commit_frames import CommitFrames
from ablo_pg.relay.ws.follow_frames import FollowFrames
from ablo_pg.relay.ws.live_frames import LiveFrames
from ablo_pg.relay.ws.protocol import frame_of
from ablo_pg.relay.ws.session import Handler, Lane, Session
from ablo_pg.wire.frames import Frame, bad_frame, read_frame

logger: Final = logging.getLogger("ablo_pg.relay.ws")

BAD_FRAMES: Final = 20  # in a row, until a client is closed
BAD_CLOSE: Final = (1007, "too many malformed frames")
NOT_TEXT: Final = (1003, "frames are text")
PONG: Final = frame_of(b'{"type":"pong"}')


@dataclass(frozen=True, slots=True)
class Frames:
    """How the frames of all sockets of a relay are handled, by the lane and the type."""

    service: RelayService
    rate_limit: RateLimit
    writes: Mapping[str, Handler]
    rest: Mapping[str, Handler]


def make_frames(service: RelayService, rate_limit: RateLimit) -> Frames:
    """Create the handlers of a relay."""
    follows, claims = FollowFrames(service.kernel, service.authenticator), ClaimFrames(service)
    lives = LiveFrames(service)
    writes = {
        "commit": CommitFrames(service).commit,
        "claim_begin": claims.begin,
        "claim_abandon": claims.abandon,
        "claim_reorder": claims.reorder,
    }
    rest = {
        "update_subscription": follows.subscribe,
        "sync_request": follows.sync,
        "ack": follows.ack,
        "bootstrap_request": follows.bootstrap,
        "presence_update": follows.present,
        "ping": follows.ping,
        "claim_heartbeat": claims.heartbeat,
        "claim": follows.join,
        "release": follows.leave,
        "live_begin": lives.begin,
        "live_end": lives.end,
    }
    return Frames(service, rate_limit, writes, rest)


class FrameReader:
    """Reads one socket's frames."""

    __slots__ = ("_bad", "_rate_limit", "_rest", "_service", "_session", "_writes")

    def __init__(self, frames: Frames, session: Session) -> None:
        self._service = frames.service
        self._rate_limit = frames.rate_limit
        self._session = session
        self._writes = Lane(session, frames.writes)
        self._rest = Lane(session, frames.rest, after=frames.service.live.show)
        self._bad = 0

    async def run(self, websocket: WebSocket) -> None:
        """Read until the client ends it. Raises WebSocketDisconnect."""
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
            self._session.heard = anyio.current_time()
            text = message.get("text")
            if text is None:
                self._session.close(*NOT_TEXT)
                return
            await self._take(text.encode())

    async def _take(self, text: bytes) -> None:
        parsing = self._service.parsing
        try:
            frame = await aside(parsing, len(text), self._read, text)
        except AbloError as exc:
            bad = await aside(parsing, len(text), bad_frame, text, exc)
            if bad is None:
                await self._pass_over(exc.code)
                return
            frame = bad
        lane = next(
            (each for each in (self._writes, self._rest) if frame.type in each.handlers), None
        )
        if lane is None:
            await self._pass_over("unknown type")
            return
        self._bad = 0
        if frame.type == "ping":
            self._session.outbox.post(PONG)
        await self._pace()
        await lane.put(frame)

    def _read(self, text: bytes) -> Frame:
        settings = self._service.settings
        if len(text) > settings.frame_bytes:
            raise error_for(
                "request_too_large",
                f"The frame is larger than {settings.frame_bytes} bytes",
                remedy="send less in one; split a commit into several",
                details={"limit": settings.frame_bytes},
            )
        return read_frame(text, settings.json_depth)

    async def _pace(self) -> None:
        """Count a frame; a key over its rate is read more slowly."""
        while True:
            try:
                self._rate_limit.take(self._session.credential.key_id)
                return
            except AbloRateLimitError as exc:
                await anyio.sleep(exc.details["retry_after"])

    async def _pass_over(self, why: str) -> None:
        logger.info("a frame was skipped: %s", why)
        await self._pace()
        self._bad += 1
        if self._bad > BAD_FRAMES:
            self._session.close(*BAD_CLOSE)
