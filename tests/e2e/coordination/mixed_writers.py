"""The writers of a mixed load. What the others made fail is sent again; the rest was due."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import psycopg
from psycopg import Connection

from ablo_pg.db.errors import error_of, translate
from ablo_pg.db.report import report_of
from ablo_pg.db.routines import COMMIT, COMMIT_BATCH
from ablo_pg.errors import AbloError

from .mixed_load import MODELS, ORGANIZATIONS, PLAIN, Json, Load, Turn, marks_of
from .mixed_psql import DONE, Psql
from .plain_writers import LEVELS

# What other writers can do to a commit: it is sent again, with the same key.
AGAIN: Final = {"lock_timeout", "write_conflict"}
# What a commit is refused for: a claim, or a field that is not there, or has just gone.
REFUSED: Final = {
    "entity_claimed",
    "unknown_field",
    "model_not_provisioned",
    "column_type_mismatch",
}
# The same of plain SQL: serialization and deadlocks; a claim.
PLAIN_AGAIN: Final = {"40001", "40P01"}
CLAIMED: Final = "55P03"
BATCH: Final = 20  # updates; from a dozen operations on they go set-wise
ATTEMPTS: Final = 10


def setwise(load: Load, name: str) -> None:
    """Batches of updates, creates and deletes; every eighth is sent twice."""
    made: dict[str, list[tuple[str, str]]] = {}
    with runtime(load) as conn:
        for number, turn in enumerate(load.turns(name)):
            mine = made.setdefault(turn.organization, [])
            operations = [turn.op("delete", *mine.pop()) for _ in range(min(2, len(mine)))]
            places = [(model, turn.row(model)) for model in MODELS for _ in range(BATCH)]
            operations += [turn.op("update", *place) for place in set(places)]
            operations += [turn.op("create", model, turn.mark()) for model in MODELS]
            items = [item(turn, each) for each in operations]
            for _ in range(1 + (number % 8 == 7)):
                landed = batch(turn, conn, items)
            for operation in landed:
                if operation["action"] == "create":
                    mine.append((operation["model"], operation["id"]))


def lone(load: Load, name: str) -> None:
    """Single commits of one to three operations: an update, a create, and a delete."""
    made: dict[str, list[tuple[str, str]]] = {}
    with runtime(load) as conn:
        for turn in load.turns(name):
            mine = made.setdefault(turn.organization, [])
            model = turn.random.choice(MODELS)
            operations = [turn.op("update", model, turn.row(model))]
            if turn.random.random() < 0.5:
                operations.append(turn.op("create", model, turn.mark()))
            gone = [turn.op("delete", *place) for place in mine[-1:]]
            if commit(turn, conn, item(turn, *operations, *gone)):
                del mine[-1:]
                mine += [(model, each["id"]) for each in operations[1:]]


def claims(load: Load, name: str) -> None:
    """Acquire, write under the claim, release; a row that is held is asked for again, and left."""
    with runtime(load) as conn:
        for turn in load.turns(name):
            model = turn.random.choice(MODELS)
            row, who = turn.row(model, high=PLAIN), f"agent:{name}"

            def ask(query: str, *arguments: object, turn: Turn = turn, who: str = who) -> Any:
                values = (turn.organization, who, *arguments)
                return _value(conn, f"select ablo.claim_{query}", values)

            answer = ask("acquire(%s, %s, %s, %s, %s)", model, row, json.dumps({"ttl": "20s"}))
            claim = answer["claim"]
            if claim["status"] == "queued":
                claim = ask("get(%s, %s, %s, true)", claim["id"])["claim"]
            turn.ended(claim["status"])
            if claim["status"] == "active":
                under = {"claimId": claim["id"], "fenceToken": claim["fenceToken"]}
                for _ in range(turn.random.randint(1, 3)):
                    commit(turn, conn, item(turn, turn.op("update", model, row, **under)))
            ask("release(%s, %s, %s)", claim["id"])


def psql(load: Load, name: str, *, level: str) -> None:
    """Transactions of plain SQL under row-level security: two updates, an insert, a delete."""
    made: dict[str, list[tuple[str, str]]] = {}
    with Psql(load.ground.handle.database_url) as program:
        for turn in load.turns(name):
            mine = made.setdefault(turn.organization, [])
            places = [("accounts", turn.row("accounts")), ("counters", turn.row("counters", PLAIN))]
            turn.random.shuffle(places)
            new = turn.random.choice(MODELS), turn.mark()
            marks = [turn.mark(), turn.mark(), new[1]]
            one, two = (
                f"update {{}} set note = '{mark}' where id = '{{}}';".format(*place)
                for mark, place in zip(marks, places, strict=False)
            )
            gone = ["delete from {} where id = '{}';".format(*place) for place in mine[-1:]]
            marks += [f"deleted {row}" for _, row in mine[-1:]]
            statements = [
                f"select set_config('app.current_org_id', '{turn.organization}', true);",
                one,
                f"insert into {new[0]} (organization_id, id, note)"
                f" values ('{turn.organization}', '{new[1]}', '{new[1]}');",
                "savepoint s;",
                two.replace("note = '", "note = 'undone "),
                "rollback to savepoint s;",
                two,
                *gone,
            ]
            if plain(turn, program, level, statements, marks):
                del mine[-1:]
                mine.append(new)


def copy(load: Load, name: str) -> None:
    """COPY into two organizations, at each level in turn."""
    with Psql(load.ground.handle.admin_url) as program:
        for number, turn in enumerate(load.turns(name)):
            model = MODELS[number % 2]
            other = turn.random.choice(ORGANIZATIONS)
            rows = [(each, turn.mark()) for each in (turn.organization, other) for _ in range(3)]
            lines = "".join(f"{each}\t{new}\tcopied {new}\n" for each, new in rows)
            statement = f"copy {model} (organization_id, id, note) from stdin;\n{lines}\\."
            plain(turn, program, LEVELS[number % 3], [statement], [f"copied {r}" for _, r in rows])


def plain(turn: Turn, program: Psql, level: str, statements: list[str], marks: list[str]) -> bool:
    """Run a transaction until it lands or is refused for a claim; return whether it landed."""
    for _ in range(ATTEMPTS):
        state = program.transaction(level, statements)
        if state == DONE:
            turn.landed(marks)
            return True
        turn.ended(state)
        if state == CLAIMED:
            return False
        assert state in PLAIN_AGAIN, state
    return False


def batch(turn: Turn, conn: Connection[Any], items: list[Json]) -> list[Json]:
    """Send a batch, and alone what it leaves out; return the operations that landed."""
    landed: list[Json] = []
    try:
        answers = conn.execute(COMMIT_BATCH, (turn.organization, json.dumps(items))).fetchall()
    except psycopg.Error as error:  # of the whole batch: each is sent alone
        answers = [(n, None, None) for n in range(len(items))]
        _due(turn, translate(error))
    for each, (_, receipt, failure) in zip(items, answers, strict=True):
        if receipt is not None:
            turn.landed(marks_of(each["request"]), each["key"], receipt)
            landed += each["request"]["operations"]
        elif failure is None or not _due(turn, error_of(report_of(json.dumps(failure).encode()))):
            landed += each["request"]["operations"] if commit(turn, conn, each) else []
    return landed


def commit(turn: Turn, conn: Connection[Any], each: Json) -> bool:
    """Send one commit until it lands or is refused; return whether it landed."""
    values = (turn.organization, each["participant"], each["key"], json.dumps(each["request"]))
    for _ in range(ATTEMPTS):
        try:
            receipt = _value(conn, COMMIT, (*values, None, None))
        except AbloError as error:
            if _due(turn, error):
                return False
        else:
            turn.landed(marks_of(each["request"]), each["key"], receipt)
            return True
    return False


def _due(turn: Turn, error: AbloError) -> bool:
    """Whether a refusal is final."""
    turn.ended(error.code)
    if error.code in AGAIN:
        return False
    if error.code in REFUSED:
        return True
    raise error


def item(turn: Turn, *operations: Json) -> Json:
    """Return a commit of this writer, as a batch takes it."""
    request = {"operations": list(operations)}
    return {"participant": f"agent:{turn.name}", "key": turn.mark(), "request": request}


def runtime(load: Load) -> Connection[Any]:
    return psycopg.connect(load.ground.handle.database_url, autocommit=True)


def _value(conn: Connection[Any], query: str, values: tuple[object, ...]) -> Any:
    try:
        row = conn.execute(query.encode(), values).fetchone()
    except psycopg.Error as error:
        raise translate(error) from error
    assert row is not None
    return row[0]


WRITERS: Final[dict[str, Callable[[Load, str], None]]] = {
    "setwise 1": setwise,
    "setwise 2": setwise,
    "setwise 3": setwise,
    "lone 1": lone,
    "lone 2": lone,
    "claims 1": claims,
    "claims 2": claims,
    "claims 3": claims,
    **{f"psql, {level}": partial(psql, level=level) for level in LEVELS},
    "copy": copy,
}
