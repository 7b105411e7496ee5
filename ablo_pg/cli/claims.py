"""`ablo-pg claims`: who holds which rows, who waits for them; break a stuck claim."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import anyio
import click
import orjson

from ablo_pg.cli.feed import typename_of
from ablo_pg.cli.options import database_url_option, json_option, organization_option
from ablo_pg.cli.output import plain, say, show, show_json, styled
from ablo_pg.db import calls
from ablo_pg.db.live import live_read
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.registry import schema_active
from ablo_pg.errors import AbloConnectionError
from ablo_pg.json_text import loads
from ablo_pg.wire.kernel_bodies import Caller, ClaimBody
from ablo_pg.wire.relay_calls import CLAIM_BREAK

Shown: TypeAlias = dict[str, Any]  # a claim, as it is shown
READER: Final = "system:ablo-pg"
LOOK_SECONDS: Final = 0.5  # between two reads of --watch; each is an index read
EPILOG = """\b
Examples:
  ablo-pg claims --organization acme
  ablo-pg claims --organization acme --model tasks --id t1 --watch
  ablo-pg claims --organization acme --break clm_5f0c --as user:ann
  ablo-pg claims --organization acme --json | jq '.claims[] | select(.status == "queued")'
"""


@click.command("claims", epilog=EPILOG)
@database_url_option
@organization_option
@click.option("--model", metavar="MODEL", help="Only claims on rows of this model.")
@click.option("--id", "row_id", metavar="ID", help="Only claims on rows with this id.")
@click.option("--watch", is_flag=True, help="Show it again after every change, until interrupted.")
@click.option("--break", "broken", metavar="CLAIM", help="End this claim, or this wait.")
@click.option(
    "--as",
    "participant",
    metavar="KIND:ID",
    help="Participant that breaks it; default: user:LOGIN of yours.",
)
@json_option
def claims_command(
    database_url: str, organization: str, broken: str | None, watch: bool, as_json: bool, **how: Any
) -> None:
    """Show who holds which rows, for what purpose and how long, and who waits in the queue.

    --break ends one: its holder's later writes are refused with claim_lost, and the next waiter is
    granted. The claim's meta and the server's log record who did it.
    """
    database = Database(database_url, PoolOptions(max_size=2, application_name="ablo-pg claims"))
    view = ClaimView(database, organization, how["model"], how["row_id"])
    if broken is not None:
        who = how["participant"] or f"user:{getpass.getuser()}"
        anyio.run(partial(_break, view, broken, who, as_json))
    else:
        anyio.run(partial(_show, view, watch, as_json))


@dataclass(slots=True)
class ClaimView:
    """The claims of an organization, perhaps of one model or row only."""

    database: Database
    organization: str
    model: str | None
    row_id: str | None

    async def read(self) -> list[Shown]:
        """Return claims row by row: holders, then waiters in queue order."""
        models = await self._models()
        wanted = None if self.model is None else typename_of(models, self.model).lower()
        keys = {typename.lower(): key for typename, key in models.items()}
        found = await self.database.read(live_read, self.organization, READER, False)
        told = loads(found)
        return [
            {
                "claimId": claim["claimId"],
                "status": "held" if claim["status"] == "active" else "queued",
                "model": keys.get(claim["entityType"], claim["entityType"]),
                "id": claim["entityId"],
                "fields": claim.get("fields"),
                "participant": claim["heldBy"],
                "description": claim.get("description"),
                "seconds": max(0, told["now"] - claim["declaredAt"]) // 1000,
                "endsInSeconds": max(0, claim["expiresAt"] - told["now"]) // 1000,
            }
            for claim in told["claims"]
            if wanted in (None, claim["entityType"]) and self.row_id in (None, claim["entityId"])
        ]

    async def _models(self) -> dict[str, str]:
        found = await self.database.read(schema_active, 0, "")
        document = orjson.loads(found)["schema"] if found else {"models": {}}
        return {each.get("typename", key): key for key, each in document["models"].items()}


async def _show(view: ClaimView, watch: bool, as_json: bool) -> None:
    try:
        claims = await view.read()
        _print(claims, as_json, clear=False)
        while watch:
            await anyio.sleep(LOOK_SECONDS)
            before, claims = claims, await _again(view, claims)
            if _standing(claims) != _standing(before) or _on_screen(as_json):
                _print(claims, as_json, clear=_on_screen(as_json))
    finally:
        await view.database.close()


async def _again(view: ClaimView, before: list[Shown]) -> list[Shown]:
    """Read again; wait for a server that is unreachable."""
    try:
        return await view.read()
    except AbloConnectionError as exc:
        say(f"waiting for the database: {exc.message}")
        await anyio.sleep(1)
        return before


def _standing(claims: list[Shown]) -> list[tuple[object, ...]]:
    """Return the parts whose change is shown; elapsed time is not one."""
    return [(claim["claimId"], claim["status"], claim["description"]) for claim in claims]


def _on_screen(as_json: bool) -> bool:
    return sys.stdout.isatty() and not as_json


def _print(claims: list[Shown], as_json: bool, *, clear: bool) -> None:
    if as_json:
        show_json({"claims": claims})
        return
    if clear:
        click.clear()
    if not claims:
        say("no claims, no waiters")
    for claim in claims:
        show(_line(claim))


def _line(claim: Shown) -> str:
    held = claim["status"] == "held"
    colour: Callable[[str], str] = partial(styled, fg="green" if held else "yellow")
    fields = f" ({', '.join(claim['fields'])})" if claim["fields"] else ""
    words = [
        colour("held  " if held else "  waits"),
        f"{claim['model']} {plain(claim['id'])}{fields}",
        plain(claim["participant"]),
        f"for {claim['seconds']} s, ends in {claim['endsInSeconds']} s unless renewed",
        claim["claimId"],
    ]
    if claim["description"]:
        words.insert(3, f'"{plain(claim["description"])}"')
    return "  ".join(words)


async def _break(view: ClaimView, claim_id: str, who: str, as_json: bool) -> None:
    try:
        caller = Caller(view.organization, who)
        answer = await view.database.run(calls.ask, CLAIM_BREAK, caller, ClaimBody(claim_id))
    finally:
        await view.database.close()
    done: bool = loads(answer)["broken"]
    say(f"{claim_id} ended by {who}" if done else f"{claim_id} had ended already")
    if as_json:
        show_json({"claimId": claim_id, "broken": done, "by": who})
