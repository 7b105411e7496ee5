"""`ablo-pg access`: why a key, or a participant, may or may not read and write a row."""

from __future__ import annotations

import os
from typing import Final
from urllib.parse import urlencode

import click
import msgspec

from ablo_pg.cli.administrator import administrator
from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import plain, show, show_json
from ablo_pg.cli.remote import Remote
from ablo_pg.credentials import key_hash
from ablo_pg.db.keys import access_examine
from ablo_pg.errors import error_for
from ablo_pg.wire.results import AccessExplained

_VERBS: Final = ("read", "create", "update", "delete")
_WORDS: Final = {True: "yes", False: "no", None: "depends"}
GROUP_EPILOG = """\b
Examples:
  ablo-pg access explain --key key_4f0c --model tasks --id t1
"""
EPILOG = """\b
With an administrative URL: any key (also an ended one) or participant, and every row.
With a relay: the key in ABLO_API_KEY; rows that it may not see are explained as missing.

\b
Examples:
  ablo-pg access explain --key key_4f0c --model tasks --id t1
  ablo-pg access explain --participant user:ann --organization acme --model tasks --id t1
  ablo-pg access explain --key key_4f0c --model tasks --id t1 --json | jq .access.update
  ABLO_API_KEY=rk_... ablo-pg access explain --url https://relay.example.com --model tasks --id t1
"""


class _Told(AccessExplained, frozen=True, rename="camel"):
    """What a database answers an administrator. policies: of the table, that are not ours."""

    policies: tuple[str, ...] = ()


@click.group("access", epilog=GROUP_EPILOG)
def access_command() -> None:
    """Who may read and write a row, and what decides that."""


@access_command.command("explain", epilog=EPILOG)
@click.option("--key", metavar="KEY", help="An API key or its id; the id suffices.")
@click.option("--participant", metavar="KIND:ID", help="Who acts on a database login, without key.")
@click.option("--model", required=True, metavar="MODEL", help="The row's model.")
@click.option("--id", "row_id", required=True, metavar="ID", help="The row.")
@click.option(
    "--organization", envvar="ABLO_ORGANIZATION", metavar="NAME",
    help="The tenant; default: that of the key. [env: ABLO_ORGANIZATION]",
)  # fmt: skip
@click.option("--admin-url", metavar="URL", help="Database to ask. [env: ABLO_ADMIN_URL]")
@click.option("--url", metavar="URL", help="Relay to ask, with ABLO_API_KEY. [env: ABLO_API_URL]")
@json_option
def explain_command(model: str, row_id: str, as_json: bool, **who: str | None) -> None:
    """Say for read, create, update and delete whether it is allowed, and what decides it.

    That is the key (ended, operations, sync groups), the model, the row, a permission with its
    text and value, a claim, or a policy of the table; and the SQL that shows the same.
    """
    told = _ask(model, row_id, **who)
    if as_json:
        show_json(told)
        return
    for line in _lines(msgspec.convert(told, _Told)):
        show(plain(line))


def _ask(
    model: str,
    row_id: str,
    key: str | None,
    participant: str | None,
    organization: str | None,
    admin_url: str | None,
    url: str | None,
) -> object:
    if url is None and (key or participant):
        admin_url = admin_url or os.environ.get("ABLO_ADMIN_URL")
    if admin_url is None:
        return _ask_relay(url or os.environ.get("ABLO_API_URL"), model, row_id)
    if bool(key) is bool(participant) or (participant and not organization):
        raise click.UsageError("name --key, or --participant and --organization")
    if key and not key.startswith(("key_", "cap_")):
        key = key_hash(key)
    with administrator(admin_url) as conn:
        return access_examine(conn, organization, participant, model, row_id, key)


def _ask_relay(url: str | None, model: str, row_id: str) -> object:
    own = os.environ.get("ABLO_API_KEY")
    if not (url and own):
        raise error_for(
            "invalid_options",
            "no database or relay to ask",
            field="admin_url",
            remedy="set ABLO_ADMIN_URL and name --key or --participant, or set ABLO_API_URL and "
            "ABLO_API_KEY",
        )
    query = urlencode({"model": model, "id": row_id})
    return Remote(url, own).get(f"/api/v1/access/explain?{query}")


def _lines(told: _Told) -> list[str]:
    who = f" with {told.capability_id}" if told.capability_id else ""
    lines = [f"{told.model} {told.id}: {told.participant} of {told.organization}{who}"]
    if told.sync_groups is not None:
        lines.append(f"the key is limited to the sync groups {', '.join(told.sync_groups)}")
    for verb in _VERBS:
        one = told.access[verb]
        lines.append(f"  {verb:8}{_WORDS[one.allowed]:9}{one.reason}")
    if told.policies:
        lines.append(f"other policies of the table: {', '.join(told.policies)}")
    return [*lines, "as an administrator, in psql:", *"\n".join(told.sql).splitlines()]
