"""The value of a backfill: a JSON value, checked against its field, as an SQL constant."""

from __future__ import annotations

from dataclasses import replace

from ablo_pg.compile.migration.draft import ModelDraft
from ablo_pg.compile.names import json_literal
from ablo_pg.compile.plan import Column
from ablo_pg.compile.values import default_sql, native
from ablo_pg.schema.values import BadValueError, to_json_value


def backfill_sql(m: ModelDraft, column: Column) -> str | None:
    """Return the value for rows without one: the given one, else the declared default, else None.

    A given value that does not fit the field is refused.
    """
    given = m.given(column)
    if given is None:
        if column.has_default and column.default is not None:
            return default_sql(column)
        return None
    field = next(each for each in m.new.spec.fields if each.wire == column.wire)
    try:
        value = to_json_value(field, given)
    except BadValueError as exc:
        m.refuse(column.wire, f"the value to backfill does not fit: {exc}", "correct --backfill")
        return "null"
    if column.native:
        return native(column, m.table, f"{json_literal(value)}::jsonb")
    return default_sql(replace(column, default=value))
