"""Pass: the write function of a model: static INSERT, UPDATE and DELETE behind one boolean test.

The test is a single expression over the data; a refusal goes to `<model>__explain`, which raises
the error that names field, value and remedy. It runs with the rights and under the policies of the
commit that calls it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.forms import Function
from ablo_pg.compile.names import indent, json_literal, literal, text_array
from ablo_pg.compile.permissions import limits_reading
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.rls import CURRENT_ORG
from ablo_pg.compile.values import default_sql, from_json, native, valid
from ablo_pg.schema.neutral import FieldType

_LARGE = 1_000_000  # bytes of data beyond which the lengths of its values are checked


def write(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__explain`, `<model>__write` and `<model>__lock`."""
    if not model.synced:
        return
    yield from _explain(model)
    yield from _write(model)
    yield from _lock(model)


def _explain(model: ModelPlan) -> tuple[str, ...]:
    arguments = f"{literal(model.title)}, v_fields, p_action, p_id, p_data"
    return Function(
        name=model.function("explain"),
        args=["p_action text", "p_id text", "p_data jsonb"],
        returns="boolean",
        pinned=False,
        body=(
            f"declare\n"
            f"  v_fields constant jsonb := {json_literal(_describe(model))};\n"
            f"begin\n"
            f"  return ablo_model.write_check({arguments});\n"
            f"end"
        ),
    ).sql()


def _describe(model: ModelPlan) -> dict[str, dict[str, object]]:
    fields: dict[str, dict[str, object]] = {}
    for column in model.fields:
        field: dict[str, object] = {"type": column.type.value, "required": column.required}
        if column.has_default:
            field["default"] = column.default
        if column.enum_values:
            field["values"] = list(column.enum_values)
        fields[column.wire] = field
    return fields


def _write(model: ModelPlan) -> tuple[str, ...]:
    """The table's own triggers run in it: they find names as a session of its owner would."""
    written = Function(
        name=model.function("write"),
        args=["p_action text", "p_id text", "p_data jsonb"],
        returns="boolean",
        pinned=False,
        body=_actions(model) if model.spec.mutable else _immutable(model),
    ).sql()
    signature = literal(f"{model.function('write')}(text,text,jsonb)")
    return (*written, f"select ablo.table_path_set({model.regclass}, {signature}::regprocedure);")


def _immutable(model: ModelPlan) -> str:
    return f"""\
begin
  perform ablo.raise_error('commit_operation_unsupported',
    {literal(model.title + " is declared as not mutable")},
    'declare it as mutable and migrate, to write it through the API',
    jsonb_build_object('model', {literal(model.title)}));
  return false;
end"""


def _actions(model: ModelPlan) -> str:
    where = f"where t.{model.org.sql} = v_organization and t.{model.id.sql} = v_id{_seen(model)};"
    place = f"{model.regclass}, {literal(model.id.name)}"
    archived = model.archived.sql
    return f"""\
#variable_conflict use_variable
declare
  v_organization {model.table}.{model.org.sql}%type := {CURRENT_ORG};
  v_id {model.table}.{model.id.sql}%type;
  v_now timestamptz := clock_timestamp();
begin
{indent(_one_spelling(model) + _new_names(model))}
  if p_action = 'update' then
{indent(_refuse(model, create=False), 4)}
    update {model.table} t set
{indent(comma([f"{c} = {v}" for c, v in assignments(model).items()]), 6)}
    {where}
  elsif p_action = 'create' then
{indent(_refuse(model, create=True), 4)}
    if pg_typeof(v_id) <> 'text'::regtype
      and ablo.base_type(pg_typeof(v_id)) = any ('{{int8,int4,int2}}'::regtype[])
    then
      perform ablo.id_pass({place}, {literal(model.title)}, v_id::text::bigint);
    end if;
{indent(_insert(model), 4)}
  elsif p_action = 'delete' then
    delete from {model.table} t
    {where}
  elsif p_action = 'archive' then
    update {model.table} t set
      {archived} = coalesce(t.{archived}, v_now),
      "updated_at" = {_updated()}
    {where}
  elsif p_action = 'unarchive' then
    update {model.table} t set
      {archived} = null,
      "updated_at" = {_updated()}
    {where}
  else
    perform ablo.raise_error('commit_operation_unsupported',
      {literal(model.title + ": there is no action ")} || quote_nullable(left(p_action, 40)),
      'use create, update, delete, archive or unarchive');
  end if;
  if found then
    return true;
  end if;
  return ablo.write_suppressed({model.regclass}, {literal(model.title)}, p_action, p_id,
    (select t."updated_at" from {model.table} t
     {where.removesuffix(";")}), v_now);
end"""


def _seen(model: ModelPlan) -> str:
    """A row that the writer may not read is for it as if it did not exist."""
    if not limits_reading(model):
        return ""
    actor = "current_setting('app.current_participant_id', true)"
    return f"\n      and {model.function('reads')}(t.*, {actor})"


def _one_spelling(model: ModelPlan) -> str:
    """Take the id. Refuse one that the column cannot hold, or spells differently (uuids).

    The log, premises and claims identify a row by its column's text: under another spelling a write
    would bypass them. Only an adopted table has ids of another type than text.
    """
    title = literal(model.title)
    shown = "quote_literal(left(p_id, 80))"
    return f"""\
if pg_typeof(v_id) = 'text'::regtype then
  v_id := p_id;
else
  begin
    v_id := p_id;
  exception when invalid_text_representation or numeric_value_out_of_range
    or string_data_right_truncation
  then
    perform ablo.raise_error('invalid_id',
      {title} || ': the id ' || {shown} || ' does not fit its column, which is '
      || pg_typeof(v_id),
      'pass id=, as text: a value of type ' || pg_typeof(v_id),
      jsonb_build_object('model', {title}, 'field', 'id', 'generated',
        ablo.id_sequence({model.regclass}, {literal(model.id.name)}) is not null));
  end;
  if v_id::text <> p_id then
    perform ablo.raise_error('invalid_id',
      {title} || ': the id is ' || quote_literal(v_id::text) || ', not ' || {shown},
      'pass the id as it was read',
      jsonb_build_object('model', {title}, 'field', 'id'));
  end if;
end if;"""


def _new_names(model: ModelPlan) -> str:
    """Accept values under a field's former names; its own name takes precedence."""
    steps = [
        f"\nif jsonb_typeof(p_data) = 'object' and p_data ? {former} then\n"
        f"  p_data := jsonb_build_object({column.key}, p_data -> {former})"
        f" || (p_data - {former});\nend if;"
        for column in model.fields
        for former in column.keys[1:]
    ]
    return "".join(steps)


def _refuse(model: ModelPlan, *, create: bool) -> str:
    row = "v_organization is not null\n  and p_id <> ''\n  and octet_length(p_id) <= 255\n  and "
    joined = (row if create else "") + indent(fits(model, create=create)).lstrip()
    test = (
        f"if (\n  {joined}\n) is not true then\n"
        f"  perform {model.function('explain')}(p_action, p_id, p_data);\n"
        f"end if;"
    )
    return "\n".join([test, *(_refuse_elements(model, column) for column in _arrays(model))])


def fits(model: ModelPlan, data: str = "p_data", *, create: bool) -> str:
    """Return the test that a JSON value fits the model's fields; it raises nothing for objects."""
    tests = [
        f"jsonb_typeof({data}) = 'object'",
        f"pg_column_size({data}) < {_LARGE}",
        f"{data} - {text_array(column.wire for column in model.fields)} = '{{}}'",
        *(_test(column, data, create=create) for column in model.fields),
    ]
    return "\nand ".join(test for test in tests if test)


def _arrays(model: ModelPlan) -> list[Column]:
    return [column for column in model.fields if column.native and column.type is FieldType.JSON]


def _refuse_elements(model: ModelPlan, column: Column) -> str:
    """An array column must return what it took: no number for texts."""
    return (
        f"if to_jsonb({from_json(column, model.table)}) <> p_data -> {column.key} then\n"
        f"  perform ablo_model.field_refuse('column_type_mismatch', {literal(model.title)},\n"
        f"    {column.key}, 'takes elements as its column has them, which is of type '\n"
        f"    || pg_typeof((null::{model.table}).{column.sql}),\n"
        f"    'send them as they are read');\n"
        f"end if;"
    )


def _test(column: Column, data: str, *, create: bool) -> str:
    """Absent is NULL: right in an update, wrong in a create of a required field."""
    test = valid(column, data)
    if not column.required:
        return f"({data} -> {column.key} = 'null' or {test}) is not false"
    if create and not column.has_default:
        return test
    return f"({test}) is not false"


def _updated(now: str = "v_now") -> str:
    """Return the value of updated_at after an update: it always changes, and forwards."""
    return f"greatest({now}, t.\"updated_at\" + interval '1 millisecond')"


def assignments(model: ModelPlan, data: str = "p_data", now: str = "v_now") -> dict[str, str]:
    """Return what an update of `t` out of a jsonb object sets, by column."""
    changes = {c.sql: _assignment(c, model.table, data) for c in model.fields}
    return changes | {'"updated_at"': _updated(now)}


def _assignment(column: Column, table: str, data: str) -> str:
    value, old = from_json(column, table, data), f"t.{column.sql}"
    if column.required:  # null was refused, so NULL can only mean absent
        return f"coalesce({value}, {old})"
    return f"case when {data} ? {column.key} then {value} else {old} end"


def _insert(model: ModelPlan) -> str:
    columns = [model.id.sql, model.org.sql, '"created_at"', '"updated_at"', '"created_by"']
    columns += [column.sql for column in model.fields]
    values = [
        "v_id",
        "v_organization",
        "v_now",
        "v_now",
        "nullif(current_setting('app.current_participant_id', true), '')",
        *(inserted(column, model.table) for column in model.fields),
    ]
    return (
        f"insert into {model.table} (\n{indent(comma(columns))}\n)\n"
        f"overriding system value\n"
        f"values (\n{indent(comma(values))}\n);"
    )


def inserted(column: Column, table: str, data: str = "p_data") -> str:
    """Return a new row's value out of a jsonb object, or its declared default."""
    value = from_json(column, table, data)
    if not column.has_default or column.default is None:
        return value
    default = default_sql(column)
    if column.native:
        default = native(column, table, f"{json_literal(column.default)}::jsonb")
    return f"case when {data} ? {column.key} then {value} else {default} end"


def comma(items: list[str]) -> str:
    """Join with commas, one per line."""
    return ",\n".join(items)


def _lock(model: ModelPlan) -> tuple[str, ...]:
    return Function(
        name=model.function("lock"),
        args=["p_id text"],
        returns="boolean",
        pinned=False,
        body=(
            f"#variable_conflict use_variable\n"
            f"declare\n"
            f"  v_organization {model.table}.{model.org.sql}%type := {CURRENT_ORG};\n"
            f"  v_id {model.table}.{model.id.sql}%type;\n"
            f"begin\n"
            f"{indent(_one_spelling(model))}\n"
            f"  perform from {model.table} t\n"
            f"  where t.{model.org.sql} = v_organization and t.{model.id.sql} = v_id\n"
            f"  for no key update;\n"
            f"  return found;\n"
            f"end"
        ),
    ).sql()
