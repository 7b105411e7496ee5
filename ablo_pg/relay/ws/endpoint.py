"""The endpoint of live sockets: GET /api/sync/ws.

The key arrives as a subprotocol, `ablo.bearer.<key>`, together with `ablo.sync.v1`, which alone is
selected, so it appears in no URL and in no log. A client that is refused gets a status and a
problem body before the upgrade; browsers, which cannot read those, use HEAD /api/auth/check.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from ablo_pg.db.live import bootstrap_start
from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.auth import Credential
from ablo_pg.relay.http.answers import problem_answer
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.shares import acting_for
from ablo_pg.relay.ws.feed import PATIENCE, DeltaFeed
from ablo_pg.relay.ws.groups import SocketGroups
from ablo_pg.relay.ws.protocol import EXTENSION, Wire
from ablo_pg.relay.ws.reading import FrameReader
from ablo_pg.relay.ws.session import TRY_AGAIN, Session
from ablo_pg.wire.frames import cursor_of
from ablo_pg.wire.kernel_bodies import SessionBody
from ablo_pg.wire.kernel_calls import PRESENCE_LEAVE
from ablo_pg.wire.partition import read_partition
from ablo_pg.wire.problems import unexpected_error

logger: Final = logging.getLogger("ablo_pg.relay.ws")

PATH: Final = "/api/sync/ws"
# A client appends its path to the base URL it was given, even one that ends in /api.
PATHS: Final = (PATH, f"/api{PATH}")
PROTOCOL: Final = "ablo.sync.v1"
BEARER: Final = "ablo.bearer."
CLOSED_NORMALLY: Final = 1000
ENDED: Final = 4001  # the reason has the cause: clients sign in again for apikey_expired
FAILED: Final = 1011
GONE: Final = 1006
CLOSE_SECONDS: Final = 1.0  # for the last frame, and for recording that a client has left


class LiveSocket:
    """The ASGI application of live sockets."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket from the handshake to its end."""
        websocket = WebSocket(scope, receive, send)
        service: RelayService = websocket.app.state.service
        session = None
        try:
            credential = await admit(websocket, service)
            with service.live.room(credential):
                session = await open_session(websocket, service, credential)
                await live_session(websocket, service, session)
        except AbloError as exc:
            if session is not None:
                raise
            await refuse(websocket, exc)


async def live_session(websocket: WebSocket, service: RelayService, session: Session) -> None:
    """Serve an admitted socket, to its end."""
    code = FAILED
    try:
        service.live.add(session)
        try:
            await websocket.accept(subprotocol=PROTOCOL)
        except OSError:  # the client has left during the handshake
            code = GONE
        else:
            code = await serve(websocket, service, session)
    except Exception:
        service.hub.tasks.failed("socket")
        with anyio.move_on_after(CLOSE_SECONDS), suppress(Exception):  # it may be gone
            await websocket.close(FAILED)
    finally:
        await session.feed.aclose()  # a socket can end before its feed begins to run
        service.live.remove(session)
        service.metrics.sockets_closed.labels(str(code)).inc()
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await say_gone(service, session)


async def admit(websocket: WebSocket, service: RelayService) -> Credential:
    """Authenticate. Raises the errors of 401, and other reasons for refusal."""
    check_origin(websocket, service.settings.allowed_origins)
    offered: list[str] = websocket.scope.get("subprotocols", [])
    if PROTOCOL not in offered:
        raise error_for(
            "protocol_version_unsupported",
            f"The subprotocol {PROTOCOL} is not among those offered",
            remedy=f"offer {PROTOCOL} and {BEARER}KEY",
            details={"supported": [PROTOCOL]},
        )
    tokens = [each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)]
    scheme, _, header = websocket.headers.get("authorization", "").partition(" ")
    if not tokens and scheme.lower() == "bearer" and header.strip():
        tokens = [header.strip()]
    if len(tokens) != 1:
        raise error_for(
            "api_key_required",
            "Exactly one key is required",
            remedy=f"offer it as the subprotocol {BEARER}KEY",
        )
    credential = await service.authenticator.authenticate(tokens[0])
    acting_for.set(credential.organization)
    websocket.app.state.rate_limit.take(credential.key_id)
    return credential


def check_origin(websocket: WebSocket, allowed: tuple[str, ...]) -> None:
    """Refuse a page of an origin that is not allowed; other clients send no origin."""
    origin = websocket.headers.get("origin")
    if origin is None or origin in allowed or "*" in allowed:
        return
    if urlsplit(origin).netloc == websocket.headers.get("host"):
        return
    raise error_for(
        "forbidden",
        "This origin may not connect",
        remedy="allow it with --allow-origin",
    )


async def open_session(
    websocket: WebSocket, service: RelayService, credential: Credential
) -> Session:
    """Create the session, with its start position fixed. Raises cursor_invalid, invalid_request."""
    wire: Wire | None = websocket.scope.get("extensions", {}).get(EXTENSION)
    if wire is None:
        raise unexpected_error()
    query = websocket.query_params
    cursor = cursor_of(query.get("cursor"))
    if cursor is None:  # rows were read a moment ago, here or on another relay
        who = (credential.organization, credential.key_id)
        cursor = await service.database.read(bootstrap_start, *who)
    partition = read_partition(query.get("deliveryPartition"))
    groups = SocketGroups(
        credential,
        service.settings.subscriptions,
        query.getlist("syncGroups") or None,
        service.hub.permissions,
    )
    session = Session(
        wire,
        credential,
        groups,
        lambda outbox: DeltaFeed(
            service.hub,
            service.live.pump,
            outbox,
            credential.organization,
            groups.views,
            cursor,
            partition,
            every=takes_every(websocket),
        ),
        service.parsing,
        service.settings.json_depth,
    )
    await session.feed.begin()
    wire.on_drained = session.drained
    return session


def takes_every(websocket: WebSocket) -> bool:
    """Whether the client takes every delta: it says so, or is an older release of ours."""
    asked = websocket.query_params.get("deltas") == "every"
    return asked or websocket.headers.get("user-agent") == "ablo_pg"


async def serve(websocket: WebSocket, service: RelayService, session: Session) -> int:
    """Run a socket until either side ends it; return the close code."""
    reader = FrameReader(websocket.app.state.frames, session)
    code = CLOSED_NORMALLY

    def ended(error: AbloError) -> None:
        session.close(*(TRY_AGAIN if error.code == "snapshot_required" else (ENDED, error.code)))

    async def begin_late() -> None:
        await anyio.sleep(PATIENCE)
        session.feed.open()
        service.live.show(session)

    try:
        async with anyio.create_task_group() as group:
            session.open(group)
            session.start(begin_late)
            with service.authenticator.watch(session.credential, ended):
                try:
                    await reader.run(websocket)
                except WebSocketDisconnect as exc:
                    code = exc.code
            group.cancel_scope.cancel()
    finally:
        await session.feed.aclose()  # from here on nothing can be started
    if session.closing is not None:
        code, reason = session.closing
        # Skip the close frame for dead peers.
        with anyio.move_on_after(CLOSE_SECONDS) as scope, suppress(WebSocketDisconnect):
            await websocket.close(code, reason)
        if scope.cancelled_caught:
            session.wire.abort()
    return code


async def say_gone(service: RelayService, session: Session) -> None:
    """End a client's presence; its claims stay until their leases end."""
    if session.presence is not None:
        try:
            body = SessionBody(session.id)
            await service.kernel.ask(PRESENCE_LEAVE, session.credential.caller, body)
        except AbloError as exc:  # it expires
            logger.info("a client's departure could not be recorded: %s", exc.code)
        service.live.hint(session.organization)


async def refuse(websocket: WebSocket, error: AbloError) -> None:
    """Answer instead of upgrading."""
    request_id = f"req_{secrets.token_hex(12)}"
    logger.info("a socket was refused", extra={"request_id": request_id, "code": error.code})
    answer: Any = problem_answer(error, request_id)
    answer.headers["x-request-id"] = request_id
    await websocket.send_denial_response(answer)


ROUTES: Final = [WebSocketRoute(path, LiveSocket()) for path in PATHS]
