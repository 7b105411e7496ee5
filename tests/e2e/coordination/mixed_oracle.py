"""What must hold after a mixed load: the log folds to the tables, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any, Final, LiteralString

from psycopg import sql

from . import oracle
from .mixed_load import MODELS, Json, Load

LOG: Final[LiteralString] = """
select sync_id, organization_id || ' ' || model || ' ' || row_id, op, "row"::text,
       coalesce(transaction_id, "row" ->> 'note', 'deleted ' || row_id)
  from ablo.delta order by sync_id"""
ROWS: Final[LiteralString] = """
select organization_id || ' ' || {typename} || ' ' || id, {row}(t)::text from public.{table} t"""
RECEIPTS: Final[LiteralString] = "select key, response::text, sync_id from ablo.receipt"


def problems(load: Load) -> list[str]:
    """Everything that is wrong, twenty lines of each kind at most."""
    return [
        *[str(failure) for failure in load.failures],
        *logged(load)[:20],
        *oracle.problems(load.ground.history())[:20],
    ]


def logged(load: Load) -> list[str]:
    """Where the log differs from what was acknowledged, from the tables, or from the receipts."""
    found: list[str] = []
    places: dict[str, int] = {}
    rows: dict[str, tuple[int, Json]] = {}
    for sync_id, key, op, row, mark in load.ground.admin.execute(LOG):
        if mark in places:
            found.append(
                f"{key}: {mark} is in the log at {places[mark]} and {sync_id} ({op} {row})"
            )
        places[mark] = sync_id
        if (op == "I") == (key in rows):
            found.append(
                f"{key}: {op} at {sync_id}, and it {'exists' if op == 'I' else 'does not'}"
            )
        if op == "D":
            rows.pop(key, None)
        else:
            rows[key] = sync_id, json.loads(row)
    found += [
        f"{mark} was acknowledged and is not in the log" for mark in load.marks - places.keys()
    ]
    found += [f"{mark} is in the log, unacknowledged" for mark in places.keys() - load.marks]
    return found + unreceived(load, places) + unfolded(load, rows)


def unreceived(load: Load, places: dict[str, int]) -> list[str]:
    """Acknowledged receipts that are not stored as they were told, or name other deltas."""
    stored = {key: (text, at) for key, text, at in load.ground.admin.execute(RECEIPTS)}
    found = [f"receipt {key} was never told" for key in stored.keys() - load.receipts.keys()]
    for key, (receipt, marks) in load.receipts.items():
        text, at = stored.get(key, ("null", 0))
        ends = max(places.get(mark, 0) for mark in marks)
        if json.loads(text) != receipt or (at, len(marks)) != (ends, receipt["ops"]):
            found.append(f"receipt {key}: told {receipt}, stored {text} for {at}, logged at {ends}")
    return found


def unfolded(load: Load, told: dict[str, tuple[int, Json]]) -> list[str]:
    """Rows that differ from their last delta. From before the field was added, it has no value."""
    stored: dict[str, Json] = {}
    conn = load.ground.admin
    conn.execute("set timezone = 'UTC'")
    for model in MODELS:
        query = sql.SQL(ROWS).format(
            typename=sql.Literal(model),
            row=sql.Identifier("ablo_model", f"{model}__row"),
            table=sql.Identifier(model),
        )
        stored |= {key: json.loads(row) for key, row in conn.execute(query)}
    found: list[str] = []
    for key in told.keys() | stored.keys():
        at, row = told.get(key, (0, None))
        if row is not None:
            row = {"extra": None} | row | ({"extra": None} if at <= load.head else {})
        if row != (now := stored.get(key)):
            found.append(f"{key}: the log says {row} at {at}, the table {now}")
    return found


def tally(load: Load) -> dict[str, Any]:
    """Count what happened, by kind of writer."""
    counts: dict[str, Any] = {}
    for (name, how), count in load.ends.items():
        kind = counts.setdefault(name.rstrip(" 123"), {})
        kind[how] = kind.get(how, 0) + count
    together = load.ground.rows(
        "select coalesce(sum(n), 0) from (select count(*) as n from ablo.receipt"
        " group by organization_id, created_at having count(*) > 1) x"
    )
    return counts | {"changes": load.changes, "set-wise": int(together[0][0])}
