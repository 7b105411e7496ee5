"""`ablo-pg keys`: create, list, revoke and rotate the API keys of an organization."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
import psycopg

from ablo_pg.cli.options import json_option
from ablo_pg.cli.output import say, show, show_json
from ablo_pg.credentials import SPELLINGS, Spelling, new_key
from ablo_pg.db import keys
from ablo_pg.db.admin import admin_connection
from ablo_pg.db.errors import translate
from ablo_pg.db.keys import KeyRecord, iso_time
from ablo_pg.db.membership import unreached
from ablo_pg.errors import error_for

GROUP_EPILOG = """\b
Examples:
  ablo-pg keys create --organization acme --participant agent:triage --json
  ablo-pg keys list --organization acme
  ablo-pg keys rotate key_4f0c --organization acme --grace 1h
  ablo-pg keys revoke key_4f0c --organization acme
"""
CREATE_EPILOG = """\b
OPERATIONS: MODEL.read, .create, .update, .delete, or MODEL.* for these four; *.read: of all models
Kinds of keys: sk secret, for servers; rk restricted, for agents; ek a user's session; pk reads

\b
Examples:
  ablo-pg keys create --organization acme --participant agent:triage --json
  ablo-pg keys create --organization acme --participant agent:triage --prefix rk \\
      --can tasks.read,tasks.update --groups project:p1 --ttl 30d --label "nightly triage"
"""
LIST_EPILOG = """\b
Examples:
  ablo-pg keys list --organization acme
  ablo-pg keys list --organization acme --all --json | jq '.keys[].id'
"""
REVOKE_EPILOG = """\b
Examples:
  ablo-pg keys revoke key_4f0c --organization acme
"""
ROTATE_EPILOG = """\b
Examples:
  ablo-pg keys rotate key_4f0c --organization acme
  ablo-pg keys rotate key_4f0c --organization acme --grace 0s --json
"""

VERBS: Final = ("read", "create", "update", "delete")
_DURATION: Final = re.compile(r"(\d{1,9})(s|m|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[int]):
    """A duration on the command line, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read "90s", "15m", "1h", "30d"."""
        found = _DURATION.fullmatch(str(value))
        if found is None:
            self.fail(f"{value!r} is not a duration; write 90s, 15m, 1h or 30d", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


class Names(click.ParamType[list[str]]):
    """Names separated by commas."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Read "a,b"."""
        names = [one.strip() for one in str(value).split(",")]
        if not all(names):
            self.fail(f"{value!r} has an empty name; write one,two", param, ctx)
        return names


database_url_option = click.option(
    "--database-url",
    envvar=["ABLO_CONTROL_URL", "DATABASE_URL"],
    required=True,
    metavar="URL",
    help="The control login that `connect --control` created; without one the runtime login. "
    "[env: ABLO_CONTROL_URL, DATABASE_URL]",
)
organization_option = click.option(
    "--organization",
    envvar="ABLO_ORGANIZATION",
    required=True,
    metavar="NAME",
    help="Organization of the keys. [env: ABLO_ORGANIZATION]",
)
key_argument = click.argument("key_id", metavar="KEY_ID")


@click.group("keys", epilog=GROUP_EPILOG)
def keys_command() -> None:
    """API keys. Only hashes are stored; a key is shown once, when it is created."""


@keys_command.command("create", epilog=CREATE_EPILOG)
@database_url_option
@organization_option
@click.option("--participant", required=True, metavar="KIND:ID", help="Participant it acts as.")
@click.option("--prefix", type=click.Choice(SPELLINGS), default="sk", show_default=True)
@click.option("--can", type=Names(), metavar="OPERATIONS", help="Operations. [default: all]")
@click.option("--groups", type=Names(), metavar="GROUPS", help="Sync groups it is limited to.")
@click.option(
    "--scope",
    type=Names(),
    metavar="SCOPES",
    help="Rights over the service, such as schema:push; none for no rights. By default an sk_ "
    "key without --can and --groups has all of them, any other key none.",
)
@click.option("--ttl", type=Duration(), help="Lifetime. [default: until it is revoked]")
@click.option("--label", metavar="TEXT", help="Name in lists.")
@json_option
def create_command(
    database_url: str,
    organization: str,
    participant: str,
    prefix: Spelling,
    as_json: bool,
    **how: Any,
) -> None:
    """Create a key and print it on stdout. It is shown only once."""
    key = new_key(prefix)
    request = {"prefix": prefix[:2], **_request(**how)}
    with kernel(database_url) as conn:
        made = keys.create_key(conn, organization, participant, key, request)
    _show_key(key, made, as_json, {})


@keys_command.command("list", epilog=LIST_EPILOG)
@database_url_option
@organization_option
@click.option("--all", "everything", is_flag=True, help="Also minted and ended keys.")
@json_option
def list_command(database_url: str, organization: str, everything: bool, as_json: bool) -> None:
    """List an organization's keys, newest first, at most 1000. Never shows a key itself."""
    with kernel(database_url) as conn:
        found = keys.list_keys(conn, organization, everything=everything)
    if as_json:
        show_json({"keys": [_facts(one) for one in found]})
    else:
        _show_table(found)


@keys_command.command("revoke", epilog=REVOKE_EPILOG)
@key_argument
@database_url_option
@organization_option
@json_option
def revoke_command(key_id: str, database_url: str, organization: str, as_json: bool) -> None:
    """Revoke a key, and every key minted or rotated from it.

    Relays close its sockets within 5 s.
    """
    with kernel(database_url) as conn:
        ended = keys.revoke_key(conn, organization, key_id)
    say(f"revoked {ended.id}, and {len(ended.revoked) - 1} derived from it")
    if as_json:
        show_json({"id": ended.id, "revoked": ended.revoked})


@keys_command.command("rotate", epilog=ROTATE_EPILOG)
@key_argument
@database_url_option
@organization_option
@click.option(
    "--grace", type=Duration(), default="1h", show_default=True, help="How long the old one works."
)
@click.option("--ttl", type=Duration(), help="Lifetime of the new one. [default: the old one's]")
@json_option
def rotate_command(
    key_id: str, database_url: str, organization: str, grace: int, ttl: int | None, as_json: bool
) -> None:
    """Replace a key by a new one. The old key, and keys minted from it, end soon.

    The new one lives on. Revoking the old one ends the new one too: use a short --grace instead.
    """
    request = {"graceSeconds": grace, **({} if ttl is None else {"ttlSeconds": ttl})}
    with kernel(database_url) as conn:
        key, done = keys.rotate_key(conn, organization, key_id, request)
    until = iso_time(done.rotated_from.expires_at)
    say(f"{key_id} ends at {until}")
    _show_key(key, done.key, as_json, {"rotatedFrom": {"id": key_id, "expiresAt": until}})


@contextmanager
def kernel(database_url: str) -> Iterator[psycopg.Connection]:
    """Connect, and translate database errors."""
    with admin_connection(database_url) as conn:
        try:
            yield conn
        except psycopg.errors.InsufficientPrivilege as exc:
            if (found := unreached(conn)) is not None:
                raise found.error() from exc
            raise error_for(
                "forbidden",
                f"Login {conn.info.user} may not manage keys",
                remedy="set ABLO_CONTROL_URL to what `ablo-pg connect --control` printed",
            ) from exc
        except psycopg.Error as exc:
            raise translate(exc) from exc


def _request(
    can: Iterable[str] | None,
    groups: list[str] | None,
    scope: list[str] | None,
    ttl: int | None,
    label: str | None,
) -> dict[str, object]:
    """Return the options in the kernel's spelling; omit those left out."""
    asked = {
        "operations": None if can is None else [each for one in can for each in _spell_out(one)],
        "syncGroups": groups,
        "scopes": [] if scope == ["none"] else scope,
        "ttlSeconds": ttl,
        "label": label,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _spell_out(operation: str) -> list[str]:
    model, dot, verb = operation.rpartition(".")
    return [f"{model}.{each}" for each in VERBS] if dot and verb == "*" else [operation]


def _show_key(key: str, made: KeyRecord, as_json: bool, more: dict[str, object]) -> None:
    if as_json:
        show_json({"key": key, **_facts(made), **more})
        return
    show(key)
    say(f"{made.id} acts as {made.participant} in {made.organization_id}; it is shown only once")


def _facts(key: KeyRecord) -> dict[str, object]:
    """Return the parts of a key that can be shown at any time."""
    return {
        "id": key.id,
        "display": key.display,
        "prefix": key.prefix,
        "organization": key.organization_id,
        "participant": key.participant,
        "operations": None if key.operations is None else sorted(key.operations),
        "groups": None if key.sync_groups is None else sorted(key.sync_groups),
        "scopes": sorted(key.scopes),
        "label": key.label,
        "status": key.status,
        "parentId": key.parent_id,
        "rotatedFrom": key.rotated_from,
        "createdAt": iso_time(key.created_at),
        "expiresAt": iso_time(key.expires_at),
    }


def _show_table(found: list[KeyRecord]) -> None:
    rows = [("ID", "KEY", "PARTICIPANT", "MAY", "STATUS", "EXPIRES", "LABEL")]
    for key in found:
        may = "all" if key.operations is None else ",".join(sorted(key.operations))
        expires = (iso_time(key.expires_at) or "never")[:16]
        shown = (key.id, f"{key.display}...", key.participant, may, key.status, expires)
        rows.append((*shown, key.label or ""))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        show("  ".join(cells).rstrip())
