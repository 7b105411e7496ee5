"""`ablo-pg push`: make a schema the active version, if it breaks nothing or a flag allows it."""

from __future__ import annotations

import os
from typing import Any, Final

import click

from ablo_pg.cli.extras import from_extra
from ablo_pg.cli.fresh import load_fresh
from ablo_pg.cli.options import json_option, target_argument
from ablo_pg.cli.output import say, show_error, show_json
from ablo_pg.cli.push_place import Outcome, Place, place_of, read_options
from ablo_pg.cli.target import load_target
from ablo_pg.errors import AbloError
from ablo_pg.schema import SchemaSpec

VARIABLES: Final = ("ABLO_ADMIN_URL", "ABLO_API_URL", "ABLO_API_KEY")
EPILOG = """\b
TARGET: FILE.py, MODULE, either with :ATTRIBUTE, or FILE.json  [default: ablo/schema.py]
Exit code 3: something stored, or a running client, would break; every reason is named, and the
option that would allow it.

\b
Examples:
  ablo-pg push
  ablo-pg push --dry-run
  ablo-pg push --rename tasks.title:name --backfill tasks.owner=unassigned
  ablo-pg push app/schema.py --url https://relay.example.com
"""


@click.command("push", epilog=EPILOG)
@target_argument
@click.option("--admin-url", metavar="URL", help="Database to push to. [env: ABLO_ADMIN_URL]")
@click.option(
    "--url", metavar="URL", help="Relay to push to, with ABLO_API_KEY. [env: ABLO_API_URL]"
)
@click.option("--force", is_flag=True, help="Make changes that lose data or change permissions.")
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD:NEW",
    help="A model, or model.field, has a new name; repeat it.",
)
@click.option(
    "--backfill",
    "backfills",
    multiple=True,
    metavar="MODEL.FIELD=VALUE",
    help="Value for stored rows that have none, or one that was removed; repeat it.",
)
@click.option("--dry-run", is_flag=True, help="Run every statement, then roll back.")
@click.option("--watch", is_flag=True, help="Push again after each save, until interrupted.")
@json_option
def push_command(
    target: str, admin_url: str | None, url: str | None, watch: bool, as_json: bool, **how: Any
) -> None:
    """Validate a schema, compare it with the active version, and make it the active one.

    Lists every change. The same schema again changes nothing. The push is one transaction. Of two
    concurrent pushes, the second compares with the result of the first.
    """
    place = place_of(admin_url, url, {name: os.environ.get(name) for name in VARIABLES})
    if not watch:
        show(push_once(place, load_target(target), **how), as_json, how["dry_run"])
        return
    with from_extra("embedded"):
        from ablo_pg.cli.watch import saves
    settled = saves(target)  # before the file is read, so that no save is missed
    push_or_say(place, target, as_json, how)
    for saved in settled:
        if saved:
            push_or_say(place, target, as_json, how)


def push_once(
    place: Place,
    spec: SchemaSpec,
    *,
    force: bool = False,
    renames: tuple[str, ...] = (),
    backfills: tuple[str, ...] = (),
    dry_run: bool = False,
) -> Outcome:
    """Push a schema, with the options from the command line."""
    return place.push(spec, read_options(spec, force, renames, backfills), dry_run=dry_run)


def push_or_say(place: Place, target: str, as_json: bool, how: dict[str, Any]) -> None:
    """Load a target as it is now and push it; continue after an error: the next save may fix it."""
    try:
        show(push_once(place, load_fresh(target), **how), as_json, how["dry_run"])
    except AbloError as error:
        show_error(error, as_json=as_json)


def show(done: Outcome, as_json: bool, dry_run: bool) -> None:
    """Report what a push did."""
    if as_json:
        show_json(done.as_json())
        return
    for line in lines_of(done, dry_run):
        say(line)


def lines_of(done: Outcome, dry_run: bool = False) -> list[str]:
    """Return what a push did, line by line."""
    if done.unchanged:
        return [f"unchanged: version {done.version}, schema {done.hash}"]
    more = [warning for warning in done.warnings if warning not in done.changes]
    lines = [f"  {line_of(change)}" for change in (*done.changes, *more)]
    verb = "would push" if dry_run else "pushed"
    version = "" if dry_run and not done.version else f"version {done.version}, "
    return [*lines, f"{verb} {version}schema {done.hash}"]


def line_of(change: dict[str, Any]) -> str:
    """Return one change as a line: `+ field_added tasks.due (rows without it read as null)`."""
    where = ".".join(change[part] for part in ("model", "field") if change.get(part))
    values = ""
    if "old" in change or "new" in change:
        values = f" {change.get('old')!r} -> {change.get('new')!r}"
    mark = "+" if change.get("additive") else "!"
    detail = f" ({change['detail']})" if change.get("detail") else ""
    return f"{mark} {change.get('kind', 'change')} {where}{values}{detail}"
