"""The changes that a relay sends: the reader of a client's hub, on a socket or an event stream.

Connects while there are subscribers, from their positions, so a new connection continues where the
last one ended. If the network blocks sockets, it uses Server-Sent Events. A connection delivers in
order and without gaps: the hub passes it on, and a subscriber that joins later reads the log up to
it first (see `catchup`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from ablo_pg.changefeed.hub import Hub
from ablo_pg.changefeed.status import ReaderKind, ReaderStatus, StatusLog
from ablo_pg.client.remote.errors import error_of, error_of_problem, unreachable
from ablo_pg.client.remote.http import RelayHttp
from ablo_pg.db.backoff import Backoff
from ablo_pg.db.waits import shielded
from ablo_pg.errors import AbloAuthenticationError, AbloError, AbloRateLimitError
from ablo_pg.json_text import Decoder, loads
from ablo_pg.wire.deltas import WireDelta

logger: Final = logging.getLogger("ablo_pg.client")

PROTOCOL: Final = "ablo.sync.v1"
RETRY_FIRST: Final = 0.05
RETRY_LAST: Final = 5.0
CLOSE_SECONDS: Final = 1.0  # for a close frame that is answered
LOOK_SECONDS: Final = 1.0  # how often it checks for subscribers
IDLE_SECONDS: Final = 30.0  # without subscribers, after which the connection closes
SILENT_SECONDS: Final = 45.0  # an event stream sends something every 15 s; a false alarm reconnects


class _Frame(msgspec.Struct, frozen=True):
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"{}")
    whole: bool = False  # the deltas end with a commit


class _Deltas(msgspec.Struct, frozen=True, rename="camel"):
    deltas: list[WireDelta] | None = None
    requires_bootstrap: bool = False
    whole: bool = False


_FRAME: Final = Decoder(_Frame)
_DELTAS: Final = Decoder(_Deltas)
_DELTA: Final = Decoder(WireDelta)


class RelayReader:
    """A `Reader` over a relay, for the one organization of the key."""

    def __init__(self, http: RelayHttp) -> None:
        self._http = http
        self._log = StatusLog()

    @property
    def status(self) -> ReaderStatus:
        """See Reader."""
        return self._log.status

    async def run(self, hub: Hub) -> None:
        """See Reader."""
        backoff = Backoff(RETRY_FIRST, RETRY_LAST)
        while True:
            while not hub.channels:
                hub.sent.clear()
                await hub.joined.wait()
            organization, channel = next(iter(hub.channels.items()))
            hub.sent.latest[organization] = channel.position
            try:
                await self._follow(hub, organization, channel.position, backoff)
            except AbloError as exc:
                self._log.set("none", f"{exc.code}: {exc.message}")
                if not exc.retryable:  # subscribers get it from the log
                    cut_all(hub, organization)
                await asyncio.sleep(backoff.pause())

    async def _follow(self, hub: Hub, organization: str, cursor: int, backoff: Backoff) -> None:
        """Pass on what follows a cursor, while there are subscribers. Raises what ended it."""
        try:
            try:
                async with self._socket(cursor) as socket:
                    self._connected("socket", None, backoff)
                    await self._take_frames(hub, organization, socket)
            except InvalidHandshake as exc:
                refusal = self._refusal(exc)
                if isinstance(refusal, AbloAuthenticationError | AbloRateLimitError):
                    raise refusal from exc
                await self._take_events(hub, organization, cursor, backoff, str(refusal.message))
        except (OSError, WebSocketException, TimeoutError) as exc:
            raise unreachable(self._http.address.place, str(exc) or type(exc).__name__) from exc
        except msgspec.DecodeError as exc:
            raise unreachable(
                self._http.address.place, f"it sends something that is not a delta: {exc}"
            ) from exc

    @asynccontextmanager
    async def _socket(self, cursor: int) -> AsyncIterator[ClientConnection]:
        address = self._http.address
        socket = await connect(
            f"{address.socket_url}?cursor={cursor}&deltas=every",
            additional_headers=address.headers,
            subprotocols=[Subprotocol(PROTOCOL)],
            compression=None,
            proxy=address.proxy.url if address.proxy else None,
            max_size=None,  # a frame holds at least one row, however large that is
            user_agent_header="ablo_pg",
        )
        try:
            yield socket
        finally:
            with shielded(CLOSE_SECONDS):
                await socket.close()
            socket.transport.abort()

    async def _take_frames(self, hub: Hub, organization: str, socket: ClientConnection) -> None:
        at = str(hub.sent.last(organization))
        here = {"cursor": at, "lastSyncId": int(at), "capabilities": [], "protocolVersion": 1}
        await socket.send(orjson.dumps({"type": "sync_request", "payload": here}).decode())
        quiet = Quiet(hub)
        while not quiet.too_long():
            text: str | bytes | None = None
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    text = await socket.recv(decode=False)
            if text is None:
                continue
            frame = _FRAME.decode(text)
            if frame.type == "delta":
                found = _DELTAS.decode(frame.payload)
                deltas = [_DELTA.decode(frame.payload)] if found.deltas is None else found.deltas
                dispatch(hub, organization, deltas, frame.whole)
            elif frame.type == "sync_response":
                answer = _DELTAS.decode(frame.payload)
                if answer.requires_bootstrap:
                    cut_all(hub, organization)
                dispatch(hub, organization, answer.deltas or (), answer.whole)

    async def _take_events(
        self, hub: Hub, organization: str, cursor: int, backoff: Backoff, why: str
    ) -> None:
        """Follow the event stream, for networks that block sockets."""
        quiet = Quiet(hub)
        stream = self._http.stream(f"/api/v1/stream?cursor={cursor}", SILENT_SECONDS)
        async with stream as chunks:
            self._connected("events", f"the network blocks sockets: {why}", backoff)
            kind = b""
            async for line in lines_of(chunks):
                if line.startswith(b"event:"):
                    kind = line.removeprefix(b"event:").strip()
                elif line.startswith(b"data:"):
                    data = line.removeprefix(b"data:")
                    if kind == b"delta":
                        dispatch(hub, organization, [_DELTA.decode(data)])
                    elif kind == b"error":
                        problem = error_of_problem(loads(data), self._http.names)
                        if problem.code in ("snapshot_required", "cursor_ahead"):
                            cut_all(hub, organization)
                        raise problem
                elif not line:
                    kind = b""
                if quiet.too_long():
                    return
        raise unreachable(self._http.address.place, "the event stream has ended")

    def _refusal(self, exc: InvalidHandshake) -> AbloError:
        """Return why the socket was not opened."""
        if isinstance(exc, InvalidStatus):
            answer = exc.response
            return error_of(answer.status_code, bytes(answer.body or b""), self._http.names)
        return unreachable(self._http.address.place, exc)

    def _connected(self, kind: ReaderKind, reason: str | None, backoff: Backoff) -> None:
        self._log.set(kind, reason)
        backoff.reset()


async def lines_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split an event stream at the line ends of its format, LF and CRLF, and nowhere else.

    Text of rows contains other characters that Unicode calls line ends (U+2028, U+2029, U+0085).
    """
    parts: list[bytes] = []
    async for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            parts.append(line)
            yield b"".join(parts).removesuffix(b"\r")
            parts.clear()
        parts.append(rest)


class Quiet:
    """Detects that there have been no subscribers for a while."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._used_at = time.monotonic()

    def too_long(self) -> bool:
        """Whether the connection is unusable."""
        now = time.monotonic()
        if self._hub.channels:
            self._used_at = now
        return now - self._used_at > IDLE_SECONDS


def dispatch(hub: Hub, organization: str, deltas: Iterable[WireDelta], whole: bool = False) -> None:
    """Pass deltas to subscribers, in their order. whole: they end with a commit."""
    channel = hub.channels.get(organization)
    for one in deltas:
        hub.sent.latest[organization] = max(one.id, hub.sent.latest.get(organization, 0))
        if channel is not None:
            channel.dispatch(one.delta(organization))
    if channel is not None:
        channel.whole = whole


def cut_all(hub: Hub, organization: str) -> None:
    """Let subscribers read the log themselves, and raise the errors of that."""
    channel = hub.channels.get(organization)
    if channel is not None:
        channel.cut_all()
