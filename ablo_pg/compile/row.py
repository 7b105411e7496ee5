"""Pass: a row as JSON, under its wire keys, for reads and deltas.

json_build_object takes 50 pairs at most. Wider rows are merged from several: each part loses its
braces, and the resulting text is parsed once more, which checks it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from ablo_pg.compile.forms import Function
from ablo_pg.compile.names import indent, literal
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.rls import CURRENT_ORG
from ablo_pg.compile.values import to_json

_PAIRS: Final = 50  # FUNC_MAX_ARGS is 100


def row(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__row(table)`. Inlinable; callers pin the time zone to UTC."""
    yield from Function(
        name=model.function("row"),
        args=[f"r {model.table}"],
        returns="json",
        language="sql",
        volatility="stable",
        pinned=False,
        grant=True,
        signature=f"({model.table})",
        body=indent("select " + row_json(model, "r")),
    ).sql()


def read(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__read(id)`: one row of the current organization as JSON, or null.

    A separate statement for each model: its plan is cached, while a statement built from names
    would be planned at every read.
    """
    own = f"t.{model.org.sql} = v_organization and " if model.synced else ""
    declared = (
        f"  v_organization {model.table}.{model.org.sql}%type := {CURRENT_ORG};\n"
        if model.synced
        else ""
    )
    yield from Function(
        name=model.function("read"),
        args=["p_id text"],
        returns="json",
        volatility="stable",
        pinned=False,
        body=(
            f"#variable_conflict use_variable\n"
            f"declare\n{declared}"
            f"  v_id {model.table}.{model.id.sql}%type := p_id;\n"
            f"begin\n"
            f"  return (\n"
            f"    select {model.function('row')}(t.*)\n"
            f"    from {model.table} t\n"
            f"    where {own}t.{model.id.sql} = v_id\n"
            f"  );\n"
            f"end"
        ),
    ).sql()


def row_json(model: ModelPlan, row: str) -> str:
    """Return the expression that builds the JSON of `row` (a table alias, or new)."""
    pairs = [f"{key}, {_value(model, c, row)}" for c in model.row_columns for key in c.keys]
    parts = [pairs[at : at + _PAIRS] for at in range(0, len(pairs), _PAIRS)]
    if len(parts) == 1:
        return _object(parts[0])
    texts = [f"left(substr({_object(part)}::text, 2), -1)" for part in parts]
    return "('{' || " + "\n|| ',' || ".join(texts) + " || '}')::json"


def pair_texts(model: ModelPlan, column: Column, row: str) -> list[str]:
    """Return expressions of a column's pairs in the JSON of `row`, each as its text there."""
    value = f"coalesce(to_json({_value(model, column, row)})::text, 'null')"
    wires = (column.wire, *column.formerly)
    return [f"{literal(json.dumps(wire, ensure_ascii=False) + ' : ')} || {value}" for wire in wires]


def _object(pairs: Sequence[str]) -> str:
    listed = ",\n  ".join(pairs)
    return f"pg_catalog.json_build_object(\n  {listed}\n)"


def _value(model: ModelPlan, column: Column, row: str) -> str:
    if column is model.org and not model.synced:
        return "null::text"
    return to_json(column, row)
