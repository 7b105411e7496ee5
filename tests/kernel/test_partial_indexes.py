"""A list that asks for the rows of a partial index is answered from that index."""

from __future__ import annotations

import json

import pytest

from ablo_pg.compile.plan import plan_schema
from ablo_pg.compile.predicates import predicate_sql
from ablo_pg.compile.rules import own_columns
from ablo_pg.predicate.text import parse
from ablo_pg.schema.neutral import named_fields

from .board import SCHEMA, Board

TASKS = next(model for model in plan_schema(SCHEMA.spec).models if model.spec.key == "tasks")
FIELDS = named_fields(TASKS.spec)
CONDITIONS = [
    "status = 'todo'",
    "status <> 'done'",
    "status in ('todo', 'doing')",
    "urgent",
    "count > 3",
    "price is null",
    "lower(title) = 'a'",
    "count % 2 = 1 or urgent",
    "not (count = 0 and urgent)",
]


@pytest.mark.parametrize("text", CONDITIONS)
def test_the_planner_finds_it(board: Board, text: str) -> None:
    node = parse("tasks", text, (), FIELDS)
    # What `ablo.row_list` runs for this filter.
    query = "select ablo.predicate_sql(ablo.read_model('tasks'), %s::jsonb)"
    (asked,) = board.admin.execute(query, [json.dumps(node)]).fetchone() or ("",)
    where = predicate_sql(node, FIELDS, own_columns(TASKS))
    explain = f"explain select id from tasks t where {asked}"  # which no other index serves
    with board.admin.transaction(force_rollback=True):
        board.admin.execute("set local enable_seqscan = off")
        board.admin.execute(f"create index of_some on tasks (id) where {where}".encode())
        found = board.admin.execute(explain.encode()).fetchall()
    assert "of_some" in str(found)
