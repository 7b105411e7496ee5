"""`ablo-pg source`: check a data source endpoint; print the tables that one needs."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import click
import orjson

from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import plain, say, show, show_json, styled
from ablo_pg.errors import error_for
from ablo_pg.source.conformance import CHECKS, Caller, Result, check
from ablo_pg.source.requests import Row
from ablo_pg.source.tables import TABLES

TABLES_EPILOG: Final = """\b
Examples:
  ablo-pg source tables | psql "$DATABASE_URL"
"""
GROUP_EPILOG: Final = """\b
Examples:
  ablo-pg source tables | psql "$DATABASE_URL"
  ABLO_API_KEY=sk_... ablo-pg source check https://owner.example/ablo --model task
"""
EPILOG: Final = """\b
Examples:
  ABLO_API_KEY=sk_... ablo-pg source check http://localhost:8000/ablo
  ablo-pg source check http://localhost:8000/ablo --model tasks --row '{"title": "x"}' \\
    --changed '{"title": "y"}' --organization acme --json
"""


@click.group("source", epilog=GROUP_EPILOG)
def source_command() -> None:
    """Data source endpoints: rows that stay in a database of their owner."""


@source_command.command("tables", epilog=TABLES_EPILOG)
def tables_command() -> None:
    """Print the SQL of the two tables that an endpoint keeps in its database.

    The idempotency records, and the outbox. Run it as the owner of the schema; again changes
    nothing.
    """
    show(TABLES)


@source_command.command("check", epilog=EPILOG)
@click.argument("url")
@click.option(
    "--api-key", envvar="ABLO_API_KEY", required=True, metavar="KEY",
    help="The key that the endpoint verifies with. [env: ABLO_API_KEY]",
)  # fmt: skip
@click.option("--model", default="task", show_default=True, metavar="MODEL", help="Model to use.")
@click.option("--row", default='{"title": "conformance"}', show_default=True, metavar="JSON",
    help="Fields of the rows that it creates.")  # fmt: skip
@click.option("--changed", default='{"title": "changed"}', show_default=True, metavar="JSON",
    help="Fields that its update changes, to other values.")  # fmt: skip
@click.option("--organization", metavar="NAME", help="The tenant to name in each request.")
@json_option
def check_command(
    url: str, api_key: str, model: str, as_json: bool, organization: str | None, **given: str
) -> None:
    """Check that an endpoint keeps what a service relies on; exit code 1 if it does not.

    It creates, changes and deletes some 60 rows of one model, under ids of its own, and reads the
    outbox. Use a database for tests.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise error_for(
            "invalid_options",
            "URL is not the http or https address of an endpoint",
            field="url",
            remedy="pass for example http://localhost:8000/ablo",
        )
    row, changed = (_object(name, given[name]) for name in ("row", "changed"))
    scope = None if organization is None else {"organizationId": organization}
    found: list[Result] = []
    for one in check(Caller(url, api_key, scope=scope), model=model, row=row, changed=changed):
        found.append(one)
        if not as_json:
            _print(one)
    failed = [one for one in found if not one.passed]
    if as_json:
        results = [
            {"check": one.name, "passed": one.passed, "problem": one.problem, "why": one.why}
            for one in found
        ]
        show_json({"conforms": not failed, "results": results})
    elif not failed:
        say(f"conforms: {len(found)} of {len(CHECKS)} checks passed")
    if failed:
        if not as_json:
            say(f"does not conform: {len(failed)} checks failed")
        raise click.exceptions.Exit(1)


def _print(one: Result) -> None:
    mark = styled("ok    ", fg="green") if one.passed else styled("FAILED", fg="red")
    show(f"{mark}  {one.name}")
    if not one.passed:
        show(f"        {plain(one.problem)}")
        show(f"        otherwise: {one.why}")


def _object(name: str, text: str) -> Row:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict) and found:
        return found
    raise error_for(
        "invalid_options",
        f"--{name} is not a JSON object with fields",
        field=name,
        remedy='pass for example {"title": "x"}',
    )
