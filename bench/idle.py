"""How much memory a relay keeps for one more idle WebSocket, and for one more organization.

Resident memory of the server's process with many subscribed sockets less that with few, divided by
their difference: all of one organization first, then each of an organization of its own, whose
figure is that of a socket with a key, a hub's channel and a board. Yardstick: the same number of
sockets on a bare WebSocket app of the same server, which accepts and waits.

    python -m bench.idle [--sockets 100 2000] [--organizations 10 500] [--rounds 2]
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import psycopg
import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection

from ablo_pg.cluster import Cluster, ClusterSettings
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.testing import DatabaseHandle, make_database
from examples.tasks import schema

from .figures import figure, rates
from .soak import relay, resident
from .zero.relay import subscription
from .zero.subscribers import Greeting, begin

SETTLE_SECONDS: Final = 3.0  # for what a new connection started to be done
AT_ONCE: Final = 20
YARDSTICK: Final = "a bare WebSocket app of the same server"
# The n-th socket's greeting.
Greet = Callable[[int], Greeting]


async def wait(websocket: WebSocket) -> None:
    """Greet, and keep a socket open."""
    await websocket.accept()
    await websocket.send_text("hello")
    async for _ in websocket.iter_text():
        pass


def serve_bare(pipe: Connection) -> None:
    """Be the bare server's process."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    pipe.send(listener.getsockname()[1])
    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/", wait)]),
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        log_config=None,
    )
    asyncio.run(uvicorn.Server(config).serve([listener]))


@contextmanager
def bare() -> Iterator[tuple[str, int]]:
    """Run the bare server; yield its URL and process id."""
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=serve_bare, args=(theirs,))
    process.start()
    try:
        assert process.pid is not None
        yield f"ws://127.0.0.1:{ours.recv()}/", process.pid
    finally:
        process.kill()
        process.join()


async def grow(greet: Greet, pid: int, counts: list[int]) -> float:
    """Open as many sockets as the first count says, then the second; return KB for each more."""
    sockets: list[ClientConnection] = []
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> ClientConnection:
        async with gate:
            return await begin(greet(number))

    looks: list[float] = []
    for count in counts:
        made = await asyncio.gather(*(one(number) for number in range(len(sockets), count)))
        sockets.extend(made)
        await asyncio.sleep(SETTLE_SECONDS)
        looks.append(resident(pid))
    await asyncio.gather(*(each.close() for each in sockets))
    return (looks[1] - looks[0]) * 1e3 / (counts[1] - counts[0])


def measure_bare(counts: list[int]) -> float:
    """Return the bare server's KB a socket."""
    with bare() as (url, pid):
        return asyncio.run(grow(lambda _: Greeting(url, [], [], b"hello"), pid, counts))


def measure_relay(db: DatabaseHandle, keys: list[tuple[str, str]], counts: list[int]) -> float:
    """Return a relay's KB a socket, the sockets shared out among the organizations and keys."""
    limits = ("sockets_per_session", "requests_per_second", "request_burst")
    options = [word for name in limits for word in ("--set", f"{name}={max(counts)}")]
    with relay(db, *options) as (url, pid):

        def greet(number: int) -> Greeting:
            organization, key = keys[number % len(keys)]
            return subscription(url, key, organization)

        return asyncio.run(grow(greet, pid, counts))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sockets", type=int, nargs=2, default=[100, 2000])
    parser.add_argument("--organizations", type=int, nargs=2, default=[10, 500])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--postgres", default="system", choices=["system", "embedded"])
    options = parser.parse_args()
    keys = [(f"org{number}", new_key()) for number in range(max(options.organizations))]
    found: dict[str, list[float]] = {}
    cluster = Cluster(prefer=options.postgres, settings=ClusterSettings())
    with cluster as server, make_database(schema, server=server) as db:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:
            for organization, key in keys:
                create_key(conn, organization, "system:bench", key, {"prefix": "sk"})
        trials = {
            "socket": (keys[:1], options.sockets),
            "organization": (keys, options.organizations),
        }
        for _ in range(options.rounds):
            for name, (given, counts) in trials.items():
                found.setdefault(f"{name}, bare", []).append(measure_bare(counts))
                found.setdefault(name, []).append(measure_relay(db, given, counts))
    for name, (_, counts) in trials.items():
        show(name, found[name], found[f"{name}, bare"], partial(figure, sockets=counts))


def show(name: str, ours: list[float], theirs: list[float], tell: Callable[..., None]) -> None:
    """Print the figures of a trial."""
    yardstick = statistics.median(theirs)
    ratio = statistics.median(ours) / yardstick
    tell(f"idle: bare, one more {name}", yardstick, "KB", ratio=1.0, **rates(theirs))
    more = {"ratio": ratio, "yardstick": YARDSTICK} | rates(ours)
    tell(f"idle: relay, one more {name}", statistics.median(ours), "KB", **more)


if __name__ == "__main__":
    main()
