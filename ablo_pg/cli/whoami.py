"""`ablo-pg whoami`: the login and participant that commands and programs use, and their rights."""

from __future__ import annotations

import os
from typing import Any, Final

import click

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import plain, show, show_json
from ablo_pg.cli.remote import Remote
from ablo_pg.db.identity import login_facts
from ablo_pg.db.membership import unreached
from ablo_pg.db.urls import without_password
from ablo_pg.errors import error_for

RIGHTS: Final = (
    ("superuser", "a superuser: fine for administration, refused for programs"),
    ("bypassesRls", "bypasses row-level security: refused for programs"),
    ("runtime", "may read, write and claim as a participant (ablo_runtime)"),
    ("owner", "may migrate (ablo_owner)"),
    ("replication", "may stream the log (REPLICATION)"),
)
EPILOG = """\b
Examples:
  ablo-pg whoami
  ablo-pg whoami --database-url postgresql://app@localhost/app --json
  ABLO_API_KEY=sk_... ablo-pg whoami --url https://relay.example.com
"""


@click.command("whoami", epilog=EPILOG)
@click.option("--database-url", metavar="URL", help="Login to show. [env: DATABASE_URL]")
@click.option("--url", metavar="URL", help="Relay to ask, with ABLO_API_KEY. [env: ABLO_API_URL]")
@json_option
def whoami_command(database_url: str | None, url: str | None, as_json: bool) -> None:
    """Show which login, database, organization and participant are in use, and their rights.

    Asks the database if one is named, else the relay about its key.
    """
    if database_url is None and url is None:
        database_url, url = os.environ.get("DATABASE_URL"), os.environ.get("ABLO_API_URL")
    told = _of_database(database_url) if database_url else _of_relay(url)
    if as_json:
        show_json(told)
        return
    for name, value in told.items():
        for line in _lines(name, value):
            show(line)


def _of_database(url: str) -> dict[str, object]:
    with administrator(url) as conn:
        facts = login_facts(conn)
        if (found := unreached(conn)) is not None:
            facts["rights"][found.group.removeprefix("ablo_")] = False
            facts["problem"] = f"{found.error().message}; {found.error().remedy}"
    return {
        "url": without_password(url),
        **facts,
        "organization": os.environ.get("ABLO_ORGANIZATION"),
        "participant": os.environ.get("ABLO_PARTICIPANT"),
    }


def _of_relay(url: str | None) -> dict[str, object]:
    key = os.environ.get("ABLO_API_KEY")
    if not (url and key):
        raise error_for(
            "invalid_options",
            "no database or relay to ask",
            field="database_url",
            remedy="set DATABASE_URL, or ABLO_API_URL and ABLO_API_KEY",
        )
    told = Remote(url, key).get("/api/auth/identity")
    return {
        "url": url,
        "organization": told["organizationId"],
        "participant": f"{told['participantKind']}:{told['participantId']}",
        "operations": told["authority"].get("operations"),
        "syncGroups": told["syncGroups"],
    }


def _lines(name: str, value: Any) -> list[str]:
    if name == "rights":
        held = [text for right, text in RIGHTS if value[right]]
        return [f"{'rights':14}{text}" for text in held or ["none here"]]
    shown = ", ".join(map(str, value)) if isinstance(value, list) else value
    return [f"{name:14}{plain(str(shown)) if shown is not None else 'not set'}"]
