"""The relay as a process: binds, serves, and ends in order. The composition root of its parts.

Shutdown order: not ready (balancers switch), no new connections, running requests get
`stop_seconds`, then the reader and the pools close. If the process is killed instead, it leaves
nothing behind either: its replication slot is temporary, and its sessions' locks end with them.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import anyio
import anyio.lowlevel
import uvicorn

from ablo_pg.errors import error_for
from ablo_pg.relay.http.app import create_app
from ablo_pg.relay.http.protocol import make_protocol
from ablo_pg.relay.service import RelayService, SchemaApplier, make_service
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.relay.ws.protocol import SocketProtocol

logger: Final = logging.getLogger("ablo_pg.relay")

BACKLOG: Final = 2048
# Detects a socket whose peer has silently disappeared. A false alarm, a peer that answers no
# protocol ping for so long, costs it a reconnect from its cursor.
PING_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Relay:
    """A serving relay: its address, and its components for callers that compose it."""

    url: str
    service: RelayService


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, which reports when it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = anyio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the caller that runs the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.begun.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running requests finish; close the remaining connections when their time is over."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await anyio.lowlevel.checkpoint()  # in which they close


@asynccontextmanager
async def serving(
    settings: RelaySettings, apply_schema: SchemaApplier | None = None
) -> AsyncIterator[Relay]:
    """Serve until the block ends, then stop in order.

    Raises the errors of `RelayService.running`; invalid_options if the address cannot be bound.
    """
    service = make_service(settings, apply_schema)
    listener = bind(settings.host, settings.port)
    with listener:
        async with service.running():
            server = _Server(_config(service))
            async with anyio.create_task_group() as group:
                group.start_soon(_serve, server, listener)
                await server.begun.wait()
                try:
                    yield Relay(url_of(listener), service)
                finally:
                    service.stop()
                    server.should_exit = True


async def run(
    settings: RelaySettings,
    apply_schema: SchemaApplier | None = None,
    begun: Callable[[Relay], object] = lambda relay: None,
) -> None:
    """Serve until SIGINT or SIGTERM. begun: called once, when requests are accepted."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serving(settings, apply_schema) as relay:
            begun(relay)
            async for number in signals:
                logger.info("%s: stopping", signal.Signals(number).name)
                break


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens there; raises invalid_options if it cannot be bound."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delay off only then: otherwise an
    # answer's body waits about 40 ms for the peer to acknowledge its head.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise error_for(
            "invalid_options",
            f"cannot listen on {host}:{port}: {exc.strerror or exc}",
            field="port",
            remedy="choose another --port, or stop the process that listens there",
        ) from exc
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(service: RelayService) -> uvicorn.Config:
    settings = service.settings
    return uvicorn.Config(
        create_app(service),
        http=make_protocol(settings),
        ws=SocketProtocol,
        # A frame above frame_bytes is refused by name; one far above it ends the connection.
        ws_max_size=4 * settings.frame_bytes,
        ws_per_message_deflate=False,  # a frame is the same bytes for all sockets
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=round(settings.keep_alive_seconds),
        timeout_graceful_shutdown=round(settings.stop_seconds),
    )


async def _serve(server: _Server, listener: socket.socket) -> None:
    await server.serve(sockets=[listener])
