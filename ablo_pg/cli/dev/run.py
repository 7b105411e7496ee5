"""The life of `dev`: start everything in order, follow the schema and the server, stop in order."""

from __future__ import annotations

import os
import signal
import socket
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
import anyio.to_thread

from ablo_pg.cli.dev.database import Place, database
from ablo_pg.cli.dev.key import DEFAULT_ORGANIZATION, ensure_key
from ablo_pg.cli.dev.screen import Screen
from ablo_pg.cli.env_file import ENV_FILE, parse_env, write_env
from ablo_pg.cli.fresh import load_fresh
from ablo_pg.cli.push import lines_of
from ablo_pg.cli.push_place import DatabasePlace, Outcome
from ablo_pg.cli.watch import LOOK_SECONDS, Watch
from ablo_pg.cluster import Cluster
from ablo_pg.errors import AbloError
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import Relay, serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.schema.pushing import PushOptions

FIRST_PORT: Final = 8787
PORTS_TRIED: Final = 20
# How soon a server that has died is started again: programs that lost it are trying meanwhile.
SERVER_LOOK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class DevOptions:
    """What was asked for on the command line."""

    target: str
    port: int | None
    watch: bool
    ephemeral: bool
    organization: str | None
    console: bool
    as_json: bool


def run_dev(options: DevOptions) -> None:
    """Run until SIGINT or SIGTERM, or until something cannot be had; leave nothing running."""
    screen = Screen(options.as_json)
    environment = parse_env(ENV_FILE) | dict(os.environ)
    screen.step("starting Postgres and the kernel")
    with database(environment, ephemeral=options.ephemeral) as place:
        organization = (
            options.organization or environment.get("ABLO_ORGANIZATION") or DEFAULT_ORGANIZATION
        )
        key = ensure_key(place.admin_url, organization, environment)
        screen.step(f"pushing {options.target}")
        pushed = push_or_tell(place, options.target, screen)
        settings = RelaySettings(
            port=free_port(options.port),
            database_url=place.database_url,
            replication_url=place.replication_url,
            admin_url=place.admin_url,
            console=options.console,
        )
        written = place.settings | {"ABLO_API_KEY": key, "ABLO_ORGANIZATION": organization}
        _run(_Dev(options, screen, place, settings, written, pushed))
    screen.event("stopped", "stopped; nothing is left running")


@dataclass(frozen=True, slots=True)
class _Dev:
    options: DevOptions
    screen: Screen
    place: Place
    settings: RelaySettings
    written: dict[str, str]
    pushed: Outcome | None


def _run(dev: _Dev) -> None:
    """Serve; of several failures at once, raise the first alone."""
    try:
        anyio.run(_serve, dev)
    except BaseExceptionGroup as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from None


async def _serve(dev: _Dev) -> None:
    apply_schema = partial(push_schema, dev.place.admin_url)
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with serving(dev.settings, apply_schema) as relay, anyio.create_task_group() as group:
            write_env(dev.written | {"ABLO_API_URL": relay.url})
            _overview(dev, relay)
            if dev.options.watch:
                group.start_soon(_follow_schema, dev)
            if dev.place.cluster is not None:
                group.start_soon(_follow_server, dev.place.cluster, dev.screen)
            async for _ in signals:
                break
            dev.screen.event("stopping", "stopping")
            group.cancel_scope.cancel()


async def _follow_schema(dev: _Dev) -> None:
    watch = Watch(dev.options.target)
    while True:
        await anyio.sleep(LOOK_SECONDS)
        if watch.settled():
            push = partial(push_or_tell, dev.place, dev.options.target, dev.screen)
            await anyio.to_thread.run_sync(push)


async def _follow_server(cluster: Cluster, screen: Screen) -> None:
    """Start an embedded server again when it has died: what it had committed, it has."""
    while True:
        await anyio.sleep(SERVER_LOOK_SECONDS)
        if cluster.pid is not None:
            continue
        screen.event("postgres_ended", "Postgres has ended; starting it again")
        try:
            await anyio.to_thread.run_sync(cluster.restart)
        except AbloError as error:
            screen.problem(error)
        else:
            screen.event("postgres_started", "Postgres runs again")


def push_or_tell(place: Place, target: str, screen: Screen) -> Outcome | None:
    """Push what a target is now; what stands against it is told, and nothing is changed."""
    try:
        spec = load_fresh(target)
        done = DatabasePlace(place.admin_url).push(spec, PushOptions(), dry_run=False)
    except AbloError as error:
        screen.problem(error)
        return None
    screen.event("pushed", "\n".join(lines_of(done)), **done.as_json())
    return done


def free_port(wanted: int | None, *, first: int = FIRST_PORT) -> int:
    """Return the port asked for, or the first free one from 8787 on."""
    if wanted is not None:
        return wanted
    for port in range(first, first + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0


def _overview(dev: _Dev, relay: Relay) -> None:
    target, schema = dev.options.target, dev.pushed
    following = "pushed again after each save" if dev.options.watch else "not watched"
    state = "not pushed yet: see above" if schema is None else f"version {schema.version}"
    kept = dev.place.cluster is None or dev.options.ephemeral
    rows = {
        "Postgres": dev.place.title,
        "Schema": f"{target}, {state}, {following}",
        "Relay": f"{relay.url}  (API at {relay.url}/docs)",
        **({"Console": f"{relay.url}/console/"} if dev.settings.console else {}),
        "Settings": f".env has {', '.join([*dev.written, 'ABLO_API_URL'])}",
        "Try": "python ablo/agent.py   ablo-pg logs   ablo-pg claims",
        "Stop": "Ctrl-C" + ("" if kept else "; the data stays in .ablo/"),
    }
    told = {
        "url": relay.url,
        "postgres": dev.place.title,
        "organization": dev.written["ABLO_ORGANIZATION"],
        "version": None if schema is None else schema.version,
    }
    dev.screen.overview(rows, told)
