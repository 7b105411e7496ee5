"""Pass: the set-wise write function of a model: many operations of one kind as one statement.

It belongs to ablo_writer, the role whose changes the triggers pass over (`triggers`): no setting
does that, since a session could set it, and cascades run as the owner of the table. It returns what
the capture would have made of each row; `ablo.batch_write` logs it. Rows that do not fit, are
missing, or are locked by others are left out; they are applied one by one. `ablo_model.many` calls
it for tables only whose own objects do nothing else (`ablo.table_plain`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.capture import before_json, changed_fields
from ablo_pg.compile.forms import Function, Guarded, do_block
from ablo_pg.compile.groups import is_deep, left_expression
from ablo_pg.compile.names import ident, indent
from ablo_pg.compile.plan import ModelPlan, SchemaPlan
from ablo_pg.compile.write import assignments, comma, fits, inserted

ARGS: Final = (
    "p_action text",
    "p_organization text",
    "p_now timestamptz",
    "p_ords int[]",
    "p_ids text[]",
    "p_items jsonb[]",
    "p_participants text[]",
)
RETURNS: Final = (
    "table (ord int, op text, row_id text, groups text[], left_groups text[], "
    '"row" json, changed text[], before json, entered_groups text[])'
)
WRITER: Final = "exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer')"


def setwise(model: ModelPlan) -> bool:
    """Whether the writes of a model may go set-wise: its rows alone say what a delta holds."""
    known = model.synced and model.spec.mutable and not (model.parent_table or model.grant)
    known = known and not model.spec.permissions  # which judge each writer, row by row
    return known and not is_deep(model) and not any(column.native for column in model.fields)


def many(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__many`. Without the role it stays the owner's, and writes nothing."""
    if not setwise(model):
        return
    name = model.function("many")
    yield from Function(
        name=name,
        args=ARGS,
        returns=RETURNS,
        security="definer",
        body=_body(model),
    ).sql()
    types = ", ".join(arg.split(" ", 1)[1] for arg in ARGS)
    rights = [
        f"alter function {name}({types}) owner to ablo_writer;",
        f"grant select, insert, update, delete on table {model.table} to ablo_writer;",
    ]
    if model.spec.table_schema != "public":
        rights.append(f"grant usage on schema {ident(model.spec.table_schema)} to ablo_writer;")
    yield do_block(Guarded(WRITER, rights))


def dispatch_many(branches: str) -> Iterator[str]:
    """Emit `ablo_model.many`, and the writer's right to call the tests of values."""
    yield from Function(
        name="ablo_model.many",
        args=["p_model text", *ARGS],
        returns=RETURNS,
        pinned=False,
        body=f"begin\n{indent(branches)}\nend",
    ).sql()
    yield do_block(
        Guarded(WRITER, ["grant execute on all functions in schema ablo_model to ablo_writer;"])
    )


def leaf(model: ModelPlan) -> str:
    """Return the branch of `ablo_model.many`: the table is locked, then looked at, then written."""
    arguments = ", ".join(arg.split(" ", 1)[0] for arg in ARGS)
    return (
        f"lock table only {model.table} in row exclusive mode;\n"
        f"if ablo.table_plain({model.regclass}, p_action = 'delete') then\n"
        f"  return query select * from {model.function('many')}({arguments});\n"
        f"end if;\n"
        f"return;"
    )


def _body(model: ModelPlan) -> str:
    return f"""\
#variable_conflict use_variable
begin
  if current_user <> 'ablo_writer' then  -- its changes would be captured too
    return;
  elsif p_action = 'create' then
{indent(_create(model), 4)}
  elsif p_action = 'delete' then
{indent(_delete(model), 4)}
  else
{indent(_update(model), 4)}
  end if;
end"""


def _locked(model: ModelPlan, lock: str, test: str = "") -> str:
    """The rows as they are, locked. The order lock is held: no other version can be committed."""
    where = f"\n  where {indent(test, 4).lstrip()}" if test else ""
    return f"""\
o as (
  select b.ord as ablo_ord, b.data as ablo_data, t.ctid as ablo_ctid, t.*
  from unnest(p_ords, p_ids, p_items) b (ord, id, data)
  join {model.table} t on t.{model.org.sql} = p_organization and t.{model.id.sql} = b.id{where}
  {lock} of t skip locked
)"""


def _update(model: ModelPlan) -> str:
    """Also archive and unarchive, whose data is empty: a field that is absent does not change."""
    archived = model.archived.sql
    changes = assignments(model, "o.ablo_data", "p_now")
    changes[archived] = (
        f"case p_action\n  when 'archive' then coalesce(t.{archived}, p_now)\n"
        f"  when 'update' then {changes.get(archived, f't.{archived}')}\nend"
    )
    before, entered = "null::json", "null::text[]"
    if model.spec.before:
        before, entered = before_json(model, "o", "t"), left_expression(model, "t", "o")
    return f"""\
return query with {_locked(model, "for no key update", fits(model, "b.data", create=False))}
update {model.table} t set
{indent(comma([f"{column} = {value}" for column, value in changes.items()]))}
from o where t.ctid = o.ablo_ctid
returning o.ablo_ord,
  case
    when (o.{archived} is null) = (t.{archived} is null) then 'U'
    when o.{archived} is null then 'A'
    else 'V'
  end,
  t.{model.id.sql}, {model.function("groups")}(t.*),
{indent(left_expression(model, "o", "t"))},
  {model.function("row")}(t.*),
{indent(changed_fields(model, "o", "t"))},
{indent(before)},
{indent(entered)};"""


def _delete(model: ModelPlan) -> str:
    before = f"{model.function('row')}(t.*)" if model.spec.before else "null::json"
    return f"""\
return query with {_locked(model, "for update")}
delete from {model.table} t using o where t.ctid = o.ablo_ctid
returning o.ablo_ord, 'D', t.{model.id.sql}, {model.function("groups")}(t.*),
  null::text[], null::json, null::text[], {before}, null::text[];"""


def _create(model: ModelPlan) -> str:
    columns = [model.id.sql, model.org.sql, '"created_at"', '"updated_at"', '"created_by"']
    columns += [column.sql for column in model.fields]
    values = ["b.id", "p_organization", "p_now", "p_now", "b.participant"]
    values += [inserted(column, model.table, "b.data") for column in model.fields]
    chosen = "b.id <> ''\nand octet_length(b.id) <= 255\nand "
    return f"""\
return query with i as (
  insert into {model.table} as t (
{indent(comma(columns), 4)}
  )
  select
{indent(comma(values), 4)}
  from unnest(p_ids, p_items, p_participants) b (id, data, participant)
  where {indent(chosen + fits(model, "b.data", create=True), 4).lstrip()}
  on conflict do nothing
  returning t.{model.id.sql} as id, {model.function("groups")}(t.*) as groups,
    {model.function("row")}(t.*) as row_json
)
select b.ord, 'I', i.id, i.groups, null::text[], i.row_json, null::text[], null::json,
  null::text[]
from i join unnest(p_ords, p_ids) b (ord, id) on b.id = i.id;"""
