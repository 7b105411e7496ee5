"""`ablo-pg undo`: take changes back, in one commit; or show what that would do."""

from __future__ import annotations

import datetime as dt
import getpass
import uuid
from functools import partial
from typing import Final

import anyio
import click
import msgspec
import orjson

from ablo_pg.cli.options import database_url_option, json_option, organization_option
from ablo_pg.cli.output import plain, say, show, show_json
from ablo_pg.client.durations import seconds_of
from ablo_pg.db import calls, routines
from ablo_pg.db.pool import Database, PoolOptions
from ablo_pg.db.registry import schema_active
from ablo_pg.errors import AbloError
from ablo_pg.json_text import loads
from ablo_pg.wire.kernel_bodies import Caller, UndoBody
from ablo_pg.wire.kernel_calls import UNDO_PLAN
from ablo_pg.wire.results import UNDO, UndoLeft, UndoOperation, UndoPlan

ATTEMPTS: Final = 8  # to plan and commit, against other writers of the same rows
EPILOG = """\b
Examples:
  ablo-pg undo --commit stx_812_4711 --preview
  ablo-pg undo --commit stx_812_4711 --as user:ann
  ablo-pg undo --actor agent:triage --since 15m
  ablo-pg undo --claim clm_5f0c --json
  ablo-pg undo --model tasks --id t1 --after 4711
"""
_WORDS: Final = {
    "changed": "changed later",
    "deleted": "deleted later",
    "recreated": "created again under the same id",
    "unknown": "the log does not say what was before",
}


@click.command("undo", epilog=EPILOG)
@database_url_option
@organization_option
@click.option("--commit", metavar="ID", help="A commit of the last day: its serverTxId.")
@click.option("--claim", metavar="CLAIM", help="What was written under this claim.")
@click.option("--actor", metavar="KIND:ID", help="What this participant wrote; with --since.")
@click.option("--model", metavar="MODEL", help="With --id: all changes of this row.")
@click.option("--id", "row_id", metavar="ID", help="The row.")
@click.option("--since", metavar="DURATION", help="Only changes of the last 15m, 2h, 30s.")
@click.option("--after", type=click.IntRange(0), metavar="SYNC_ID", help="Only later changes.")
@click.option("--preview", is_flag=True, help="Show what it would write, and write nothing.")
@click.option(
    "--as", "participant", metavar="KIND:ID",
    help="Participant that undoes it; default: user:LOGIN of yours.",
)  # fmt: skip
@json_option
def undo_command(
    database_url: str,
    organization: str,
    participant: str | None,
    preview: bool,
    as_json: bool,
    since: str | None,
    row_id: str | None,
    **named: str | int | None,
) -> None:
    """Take changes back in one commit, from what the log says was before.

    What others changed since is left as it is, and listed. Undo the commit that this made, and the
    changes are there again. `ablo-pg logs` shows changes, with --json their syncId and claimId.
    """
    choice = {name: value for name, value in (*named.items(), ("id", row_id)) if value is not None}
    if since is not None:
        start = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds_of(since, "since"))
        choice["since"] = start.isoformat()
    who = Caller(organization, participant or f"user:{getpass.getuser()}")
    anyio.run(partial(_undo, database_url, who, choice, preview, as_json))


async def _undo(
    url: str, who: Caller, choice: dict[str, str | int], preview: bool, as_json: bool
) -> None:
    database = Database(url, PoolOptions(max_size=2, application_name="ablo-pg undo"))
    try:
        found = await database.read(schema_active, 0, "")
        models = orjson.loads(found)["schema"]["models"] if found else {}
        keys = {each.get("typename", key): key for key, each in models.items()}
        plan, receipt = await _committed(database, who, choice, preview)
    finally:
        await database.close()
    if as_json:
        operations = [_shown(one) | {"model": keys[one.model]} for one in plan.operations]
        left = [_shown(one) for one in plan.left]
        show_json({"receipt": receipt, "operations": operations, "left": left})
        return
    for one in plan.operations:
        show(_step(one, keys))
    for each in plan.left:
        show(_left(each))
    if not plan.operations:
        say("nothing to undo")
    elif receipt is None:
        say("preview: nothing was written")
    else:
        say(f"undone by {who.participant}; to redo: ablo-pg undo --commit {receipt['serverTxId']}")


async def _committed(
    database: Database, who: Caller, choice: dict[str, str | int], preview: bool
) -> tuple[UndoPlan, dict[str, object] | None]:
    """Plan and commit; plan again if a row has changed in between."""
    body = UndoBody(msgspec.Raw(orjson.dumps(choice)))
    key = str(uuid.uuid4())
    for attempt in range(ATTEMPTS):
        answer = await database.read(calls.ask, UNDO_PLAN, who, body)
        plan = UNDO.decode(answer)
        if preview or not plan.operations:
            break
        parts = loads(answer)
        request = orjson.dumps({"operations": parts["operations"], "reads": parts["reads"]})
        try:
            receipt = await database.run(
                routines.commit, who.organization, who.participant, key, request
            )
            return plan, loads(receipt)
        except AbloError as error:
            if error.code != "stale_context" or attempt == ATTEMPTS - 1:
                raise
    return plan, None


def _step(one: UndoOperation, keys: dict[str, str]) -> str:
    told = f"{one.action:9}  {keys.get(one.model, one.model)} {plain(one.id)}"
    if not one.data:
        return told
    values = [f"{name} = {orjson.dumps(value).decode()}" for name, value in one.data.items()]
    return f"{told}  {plain(', '.join(values))}"


def _left(one: UndoLeft) -> str:
    fields = f" ({', '.join(one.fields)})" if one.fields else ""
    by = f" by {plain(one.by)}" if one.by else ""
    return f"left       {one.model} {plain(one.id)}{fields}  {_WORDS[one.reason]}{by}"


def _shown(one: UndoOperation | UndoLeft) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(one)
    return {name: value for name, value in found.items() if value not in (None, [])}
