"""`ablo-pg logs`: what changed, when, and who changed it; then new changes."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from dataclasses import replace
from functools import partial
from typing import Any, Final

import anyio
import click

from ablo_pg.cli.feed import Feed, Wanted, typename_of
from ablo_pg.cli.options import database_url_option, json_option, organization_option
from ablo_pg.cli.output import plain, say, show, show_json, styled
from ablo_pg.client.durations import seconds_of
from ablo_pg.delta import OP_NAMES, Delta

COLOURS: Final = {"create": "green", "delete": "red"}
EPILOG = """\b
Examples:
  ablo-pg logs --organization acme
  ablo-pg logs --organization acme -n 100 --since 15m --no-follow
  ablo-pg logs --organization acme --model tasks --op update --op delete
  ablo-pg logs --organization acme --json | jq -c '[.model, .id, .actor]'
"""


@click.command("logs", epilog=EPILOG)
@database_url_option
@organization_option
@click.option(
    "--replication-url", envvar="ABLO_REPLICATION_URL", metavar="URL",
    help="Login that may stream; without it changes come by LISTEN/NOTIFY. "
    "[env: ABLO_REPLICATION_URL]",
)  # fmt: skip
@click.option(
    "-n", "--lines", default=20, show_default=True, metavar="COUNT",
    type=click.IntRange(0, 100_000), help="How many past changes to show first.",
)  # fmt: skip
@click.option("--since", metavar="DURATION", help="Only changes of the last 15m, 2h, 30s.")
@click.option("--model", metavar="MODEL", help="Only changes of this model.")
@click.option(
    "--op", "ops", multiple=True, type=click.Choice(list(OP_NAMES.values())),
    help="Only these operations; repeat it.",
)  # fmt: skip
@click.option(
    "--follow/--no-follow", default=True, help="Follow new changes (the default), or exit."
)
@json_option
def logs_command(database_url: str, organization: str, as_json: bool, **how: Any) -> None:
    """Show an organization's changes: time, operation, model, id, actor, changed fields.

    Shows changes from every writer, including psql, in commit order. Follows until interrupted, and
    survives a restart of the server. With --json it writes one object per line.
    """
    since = how["since"] and seconds_of(how["since"], "since")
    start = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=since) if since else None
    wanted = Wanted(how["model"], frozenset(how["ops"]), start)
    # The reader reports an unreachable server; the pool would repeat it many times.
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    feed = Feed(database_url, organization, how["replication_url"])
    anyio.run(partial(_show, feed, wanted, how["lines"], how["follow"], as_json))


async def _show(feed: Feed, wanted: Wanted, lines: int, follow: bool, as_json: bool) -> None:
    async with feed:
        models = await feed.models()
        if wanted.model is not None:
            wanted = replace(wanted, model=typename_of(models, wanted.model))
        head = await feed.head()
        count = sys.maxsize if wanted.since is not None and lines == 20 else lines
        for delta in await feed.last(count, wanted, head):
            _print(delta, models, as_json)
        if not follow:
            return
        if sys.stderr.isatty():
            say("following; Ctrl-C ends")
        async for delta in feed.follow(head, wanted):
            _print(delta, models, as_json)


def _print(delta: Delta, models: dict[str, str], as_json: bool) -> None:
    model = models.get(delta.model, delta.model)
    op = OP_NAMES[delta.op]
    if as_json:
        show_json(_item(delta, model, op))
        return
    moment = dt.datetime.fromisoformat(delta.created_at).astimezone()
    parts = [
        styled(moment.strftime("%Y-%m-%d %H:%M:%S"), dim=True),
        styled(f"{op:9}", fg=COLOURS.get(op, "yellow")),
        f"{model} {plain(delta.row_id)}",
        styled(plain(delta.actor or "unknown"), fg="cyan"),
    ]
    if delta.on_behalf_of:
        parts.append(f"for {plain(delta.on_behalf_of)}")
    if fields := [name for name in delta.changed if name != "updatedAt"]:
        parts.append(f"({', '.join(fields)})")
    show("  ".join(parts))


def _item(delta: Delta, model: str, op: str) -> dict[str, object]:
    return {
        "time": delta.created_at,
        "op": op,
        "model": model,
        "id": delta.row_id,
        "actor": delta.actor,
        "onBehalfOf": delta.on_behalf_of,
        "claimId": delta.claim_id,
        "changed": list(delta.changed),
        "syncId": delta.sync_id,
    }
