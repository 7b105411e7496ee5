"""Two organizations with canaries in every row, and a scan of all that a session of one can see.

`SECRET` is in every value that the far organization (south) stores, `FAR_ID` is how its ids begin.
The near one (north) knows neither; whatever it gets to see must contain neither.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

import psycopg

from ..board import Board, Caller, Json, create, op, update

SECRET: Final = "canary-4711"
FAR_ID: Final = "far-id-"
NEAR, FAR = "north", "south"


def settle(board: Board) -> tuple[Caller, Caller]:
    """Fill both organizations; return a caller in each."""
    near = Caller(board.connect(), NEAR, "agent:near")
    far = Caller(board.connect(), FAR, f"agent:{SECRET}")
    for caller, prefix, text in ((near, "near-", "plain"), (far, FAR_ID, SECRET)):
        project, task = f"{prefix}p", f"{prefix}t"
        caller.commit(
            create(project, "projects", name=text),
            create(task, title=text, meta={text: text}, projectId=project)
            | {"transactionId": f"tx-{text}"},
            create(f"{prefix}gone", title=text),
            op("create", "notes", f"{prefix}n", {"text": text}),
            key=f"key-{text}",
            on_behalf_of=f"user:{text}",
            capability_id=key_of(board, caller, text, f"key-{prefix.split('-')[0]}"),
        )
        request = json.dumps({"description": text, "meta": {text: text}, "fields": [text]})
        for routine, *rest in (
            ("claim_acquire", "tasks", task, request),
            ("presence_beat", text, json.dumps({"status": text, "activity": {text: text}})),
        ):
            who = (caller.organization, caller.participant)
            places = ", ".join(["%s"] * (2 + len(rest)))
            caller.call(f"select ablo.{routine}({places})", *who, *rest)
        caller.commit(update(task, title=f"{text}!"), op("delete", "tasks", f"{prefix}gone"))
        board.run(
            f"insert into ledgers (organization_id, id, amount) values"
            f" ('{caller.organization}', '{prefix}l', 1)"
        )
    board.run("analyze")
    return near, far


def key_of(board: Board, caller: Caller, text: str, key_id: str) -> str:
    """Make a key with the text wherever one fits."""
    hashed = hashlib.sha256(text.encode()).hexdigest()
    request: Json = {"prefix": "sk", "display": f"sk_{text}"[:12], "hash": hashed}
    request |= {"label": text, "userMeta": {text: text}}
    who = (caller.organization, caller.participant)
    made = caller.call("select ablo.key_create(%s, %s, %s)", *who, json.dumps(request))
    board.run(f"update ablo.api_key set id = '{key_id}' where id = '{made['id']}'")
    return key_id


def told(error: psycopg.Error) -> list[object]:
    """Return everything that an error says."""
    diag = error.diag
    names = [name for name in dir(diag) if not name.startswith("_")]
    return [str(error), *(getattr(diag, name) for name in names)]


def seen(conn: psycopg.Connection[Any], statement: str, organization: str | None = NEAR) -> str:
    """Run a statement as a member of an organization; return all it shows, errors and notices too.

    What it does is rolled back.
    """
    shown: list[object] = []
    conn.add_notice_handler(handler := lambda diag: shown.append(diag.message_primary))
    try:
        with conn.transaction(force_rollback=True), conn.cursor() as cursor:
            if organization is not None:
                cursor.execute("select set_config('app.current_org_id', %s, true)", (organization,))
            if statement.startswith("copy"):
                with cursor.copy(statement.encode()) as copy:
                    shown.extend(bytes(block).decode() for block in copy)
            else:
                cursor.execute(statement.encode())
                while True:
                    shown.extend(cursor.fetchall() if cursor.description else [cursor.rowcount])
                    if not cursor.nextset():
                        break
    except psycopg.Error as error:
        shown.extend(told(error))
    finally:
        conn.remove_notice_handler(handler)
    return "\n".join(map(str, shown))


def leaks(text: str) -> list[str]:
    """Return the far organization's canaries in a text."""
    return [word for word in (SECRET, FAR_ID, FAR) if word in text]


_VOLATILE: Final = re.compile(
    r"stx_\w+|\b[0-9a-f]{32}\b|datetime\.datetime\([^)]*\)+"
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+-]\d\d:?\d\d)"
    r"|['\"](lastSyncId|stamp|observedSyncId)['\"]: \d+|sync id \d+"
)


def answer(caller: Caller, row_id: str, call: Any) -> str:
    """Return what a call with this id answers, with the id and what differs each time taken out."""
    try:
        shown = str(call(caller, row_id))
    except Exception as error:
        shown = "\n".join(map(str, [error, vars(error), *told_cause(error)]))
    return _VOLATILE.sub("*", shown.replace(row_id, "<id>"))


def told_cause(error: BaseException) -> list[object]:
    """Return what Postgres said beneath an error."""
    cause = error.__cause__
    return (
        [line for line in told(cause) if "0x" not in str(line)]
        if isinstance(cause, psycopg.Error)
        else []
    )
