"""The lifetime of `dev`: start everything in order, follow the schema, stop in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import anyio
import anyio.to_thread

from ablo_pg.cli.dev.database import Place, database
from ablo_pg.cli.dev.key import DEFAULT_ORGANIZATION, ensure_key
from ablo_pg.cli.dev.port import FIRST_PORT, free_port
from ablo_pg.cli.dev.screen import Screen
from ablo_pg.cli.dev.server import follow_server
from ablo_pg.cli.env_file import ENV_FILE, parse_env, write_env
from ablo_pg.cli.fresh import load_fresh
from ablo_pg.cli.push import lines_of
from ablo_pg.cli.push_place import DatabasePlace, Outcome
from ablo_pg.cli.watch import saves
from ablo_pg.errors import AbloError
from ablo_pg.kernel.push import push_schema
from ablo_pg.relay.daemon import Relay, serving
from ablo_pg.relay.settings import RelaySettings
from ablo_pg.schema.pushing import PushOptions

AGENT: Final = Path("ablo/agent.py")


@dataclass(frozen=True, slots=True)
class DevOptions:
    """The options of the command line."""

    target: str
    port: int | None
    watch: bool
    ephemeral: bool
    organization: str | None
    origins: tuple[str, ...]
    console: bool
    as_json: bool


def run_dev(options: DevOptions) -> None:
    """Run until SIGINT or SIGTERM, or until a resource is unavailable; leave nothing running."""
    screen = Screen(options.as_json)
    screen.take_warnings()
    port = free_port(options.port)  # before anything is started for it
    environment = parse_env(ENV_FILE) | dict(os.environ)
    screen.step("starting Postgres and the kernel")
    with database(environment, ephemeral=options.ephemeral) as place:
        organization = (
            options.organization or environment.get("ABLO_ORGANIZATION") or DEFAULT_ORGANIZATION
        )
        key = ensure_key(place.admin_url, organization, environment)
        screen.step(f"pushing {options.target}")
        # Before the file is read, so that no later save is missed.
        settled = saves(options.target) if options.watch else None
        pushed = push_or_tell(place, options.target, screen)
        settings = RelaySettings(
            port=port,
            database_url=place.database_url,
            replication_url=place.replication_url,
            admin_url=place.admin_url,
            allowed_origins=options.origins,
            console=options.console,
        )
        written = place.settings | {"ABLO_API_KEY": key, "ABLO_ORGANIZATION": organization}
        _run(_Dev(options, screen, place, settings, written, pushed, settled))
    screen.event("stopped", "stopped; nothing is left running")


@dataclass(frozen=True, slots=True)
class _Dev:
    options: DevOptions
    screen: Screen
    place: Place
    settings: RelaySettings
    written: dict[str, str]
    pushed: Outcome | None
    saves: Iterator[bool] | None


def _run(dev: _Dev) -> None:
    """Serve; if several tasks fail at once, raise only the first error."""
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
            if dev.saves is not None:
                group.start_soon(_follow_schema, dev, dev.saves)
            if dev.place.cluster is not None:
                push = partial(push_or_tell, dev.place, dev.options.target, dev.screen)
                group.start_soon(follow_server, dev.place.cluster, dev.screen, push)
            async for _ in signals:
                break
            dev.screen.event("stopping", "stopping")
            group.cancel_scope.cancel()


async def _follow_schema(dev: _Dev, saves: Iterator[bool]) -> None:
    while True:
        if await anyio.to_thread.run_sync(next, saves):
            push = partial(push_or_tell, dev.place, dev.options.target, dev.screen)
            await anyio.to_thread.run_sync(push)


def push_or_tell(place: Place, target: str, screen: Screen) -> Outcome | None:
    """Push the target as it is now; report what prevents it, and then change nothing."""
    try:
        spec = load_fresh(target)
        done = DatabasePlace(place.admin_url).push(spec, PushOptions(), dry_run=False)
    except AbloError as error:
        screen.problem(error)
        return None
    screen.event("pushed", "\n".join(lines_of(done)), **done.as_json())
    return done


def _overview(dev: _Dev, relay: Relay) -> None:
    target, schema = dev.options.target, dev.pushed
    following = "pushed again after each save" if dev.options.watch else "not watched"
    state = "not pushed yet: see above" if schema is None else f"version {schema.version}"
    kept = dev.place.cluster is None or dev.options.ephemeral
    taken = dev.options.port is None and dev.settings.port != FIRST_PORT
    ports = f"; port {FIRST_PORT} is taken" if taken else ""
    agent = f"python {AGENT}   " if AGENT.exists() else ""
    rows = {
        "Postgres": dev.place.title,
        "Schema": f"{target}, {state}, {following}",
        "Relay": f"{relay.url}  (API at {relay.url}/docs{ports})",
        **(
            {"Console": f"{relay.url}/console/  (sign in with ABLO_API_KEY of .env)"}
            if dev.settings.console
            else {}
        ),
        "Settings": f".env has {', '.join([*dev.written, 'ABLO_API_URL'])}",
        "Try": f"in another terminal: {agent}ablo-pg logs   ablo-pg claims",
        "Stop": "Ctrl-C" + ("" if kept else "; the data stays in .ablo/"),
    }
    told = {
        "url": relay.url,
        "postgres": dev.place.title,
        "organization": dev.written["ABLO_ORGANIZATION"],
        "version": None if schema is None else schema.version,
    }
    dev.screen.overview(rows, told)
