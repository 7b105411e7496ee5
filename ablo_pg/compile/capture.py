"""Pass: the capture function, which turns a row change into its delta at the commit point.

It is the trigger function of a deferred constraint trigger, so it runs once a changed row, in every
writer's transaction: few statements, no query unless the model has owners of owners. The calls stand
in `if f() is null`, which PL/pgSQL evaluates as an expression, without running a query.
"""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.forms import Function
from ablo_pg.compile.groups import far_groups, is_deep, near_groups
from ablo_pg.compile.names import indent
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.row import row_json
from ablo_pg.compile.values import comparable
from ablo_pg.schema.neutral import FieldType


def capture(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__capture()`."""
    if not model.synced:
        return
    settings = ["timezone = 'UTC'"]
    if any(column.type is FieldType.NUMBER for column in model.fields):
        settings.append("extra_float_digits = 1")  # shortest exact digits, whatever the writer set
    body = [
        *(["declare", "  v_groups text[];"] if is_deep(model) else []),
        "begin",
        "  if tg_op = 'INSERT' then",
        indent(_insert(model), 4),
        "  elsif tg_op = 'UPDATE' then",
        indent(_update(model), 4),
        "  else",
        indent(_delete(model), 4),
        "  end if;",
        "  return null;",
        "end",
    ]
    yield from Function(
        name=model.function("capture"),
        args=[],
        returns="trigger",
        security="definer",
        settings=settings,
        body="\n".join(body),
    ).sql()


def _call(model: ModelPlan, row: str, op: str, groups: str, json: str, changed: str) -> str:
    arguments = ",\n".join(
        [
            f'{row}.{model.org.sql}::text, {model.typename}, {row}."id"::text',
            op,
            groups,
            json,
            changed,
        ]
    )
    return f"if ablo.capture(\n{indent(arguments)}\n) is null then null; end if;"


def _insert(model: ModelPlan) -> str:
    return _with_groups(model, "new", "", "'I'", row_json(model, "new"), "null")


def _update(model: ModelPlan) -> str:
    archived = model.archived.sql
    op = (
        f"case\n"
        f"  when (old.{archived} is null) = (new.{archived} is null) then 'U'\n"
        f"  when old.{archived} is null then 'A'\n"
        f"  else 'V'\n"
        f"end"
    )
    return _with_groups(model, "new", "old", op, row_json(model, "new"), _changed(model))


def _delete(model: ModelPlan) -> str:
    if not is_deep(model):
        return _call(model, "old", "'D'", near_groups(model, "old"), "null", "null")
    # Its owners may be gone by now; who saw the row last is in the log.
    last = f'ablo.row_groups(old.{model.org.sql}::text, {model.typename}, old."id"::text)'
    lines = [
        f"v_groups := {near_groups(model, 'old')};",
        far_groups(model, "old"),
        f"v_groups := array(\n  select distinct g from unnest(v_groups || {last}) g order by g\n);",
        _call(model, "old", "'D'", "v_groups", "null", "null"),
    ]
    return "\n".join(lines)


def _with_groups(
    model: ModelPlan, row: str, moved_from: str, op: str, json: str, changed: str
) -> str:
    near = near_groups(model, row, moved_from=moved_from)
    if not is_deep(model):
        return _call(model, row, op, near, json, changed)
    lines = [
        f"v_groups := {near};",
        far_groups(model, row, moved_from=moved_from),
        _call(model, row, op, "v_groups", json, changed),
    ]
    return "\n".join(lines)


def _changed(model: ModelPlan) -> str:
    """The wire names of what an update changed. updatedAt always does, and says nothing."""
    tests = ",\n  ".join(_change(column) for column in model.row_columns if _can_change(column))
    return f"array_remove(array[\n  {tests}\n], null)"


def _can_change(column: Column) -> bool:
    return column.wire not in ("id", "updatedAt", "organizationId")


def _change(column: Column) -> str:
    old, new = comparable(column, "old"), comparable(column, "new")
    return f"case when {old} is distinct from {new} then {column.key} end"
