"""`ablo-pg relay`: serve HTTP and live streams."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import click

from ablo_pg.cli.extras import from_extra
from ablo_pg.cli.output import plain, say, show_json
from ablo_pg.relay.logs import LogFormat, configure_logs
from ablo_pg.relay.settings import RelaySettings

if TYPE_CHECKING:
    from ablo_pg.relay.daemon import Relay

EPILOG = """\b
DATABASE_URL and ABLO_REPLICATION_URL are what `ablo-pg connect` printed. Any number of relays may
run on one database. Every limit can be set: see --print-config and docs/relay.md.

\b
Examples:
  ablo-pg relay
  ablo-pg relay --console
  ablo-pg relay --host 0.0.0.0 --port 8080 --allow-origin https://app.example.com
  ablo-pg relay --set requests_per_second=50 --set pool_size=20 --print-config
"""


@click.command("relay", epilog=EPILOG)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    default=8787,
    show_default=True,
    type=click.IntRange(0, 65535),
    help="0: any free one.",
)
@click.option(
    "--database-url",
    envvar="DATABASE_URL",
    required=True,
    metavar="URL",
    help="Runtime login, postgresql://... [env: DATABASE_URL]",
)
@click.option(
    "--replication-url",
    envvar="ABLO_REPLICATION_URL",
    metavar="URL",
    help="Login that may stream; without it changes come by LISTEN/NOTIFY. "
    "[env: ABLO_REPLICATION_URL]",
)
@click.option(
    "--admin-url",
    envvar="ABLO_ADMIN_URL",
    metavar="URL",
    help="Administrative login, used for pushed schemas only; without it pushes are refused. "
    "[env: ABLO_ADMIN_URL]",
)
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin whose pages may call from a browser; repeat it. `*`: any.",
)
@click.option(
    "--docs/--no-docs",
    default=True,
    help="Serve /docs and /openapi.json, with the schema's names, without a key.",
)
@click.option(
    "--console/--no-console",
    default=False,
    help="Serve the console, a page that shows rows, log and claims live to clients with a key.",
)
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a limit by name; repeat it.",
)
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="Format of the log on stderr.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Lowest level that is logged.",
)
@click.option(
    "--print-config",
    is_flag=True,
    help="Print every setting as JSON, without passwords, and exit.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="No messages for people: stdout has one JSON object, stderr the log and errors as JSON.",
)
def relay_command(
    origins: tuple[str, ...],
    changes: tuple[str, ...],
    log_format: LogFormat,
    log_level: str,
    print_config: bool,
    as_json: bool,
    **places: Any,
) -> None:
    """Serve the schema as an API: rows, claims and commits over HTTP, changes as they happen.

    Runs until SIGINT or SIGTERM, then lets running requests finish. Prints one JSON object with its
    URL when it accepts requests.
    """
    settings = RelaySettings(allowed_origins=origins, **places, **read_changes(changes))
    if print_config:
        show_json(settings.printable())
        return
    with from_extra("relay"):
        from ablo_pg.relay.daemon import run
    clean = partial(plain, lines=True)
    configure_logs("json" if as_json else log_format, log_level, clean)
    apply_schema = None
    if settings.admin_url is not None:
        from ablo_pg.kernel.push import push_schema  # with it the compiler: 63 modules

        apply_schema = partial(push_schema, settings.admin_url)
    anyio.run(run, settings, apply_schema, partial(announce, as_json=as_json))


def announce(relay: Relay, *, as_json: bool = False) -> None:
    """Report where it serves."""
    show_json({"url": relay.url})
    if as_json:
        return
    say(f"relay: {relay.url} (docs at {relay.url}/docs)")
    if relay.service.settings.console:
        say(f"console: {relay.url}/console/")


def read_changes(changes: tuple[str, ...]) -> dict[str, Any]:
    """Read NAME=VALUE pairs of limits."""
    known = RelaySettings.limits()
    found: dict[str, object] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        kind = known.get(name)
        if not equals or kind is None:
            raise click.BadParameter(
                f"{change!r} is not one of: {', '.join(known)}", param_hint="--set"
            )
        try:
            found[name] = kind(value)
        except ValueError:
            raise click.BadParameter(
                f"{name} must be a number, not {value!r}", param_hint="--set"
            ) from None
    return found
