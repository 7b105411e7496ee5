"""Pass: the guard function, before every row change: identity, updated_at, organization, writer.

A row without an organization may be assigned one: only a login that is not subject to row-level
security sees it. The application of an adopted table may also change a row's id, and its
organization if no other table's rows take theirs from it; `ablo.row_identity_check` decides.

It runs as the owner, since a writer of plain SQL may not call the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.forms import Function
from ablo_pg.compile.names import indent, literal, qualified
from ablo_pg.compile.permissions import limits_reading, refused_field, refuses
from ablo_pg.compile.plan import ModelPlan, ParentTable, SchemaPlan
from ablo_pg.compile.rls import SESSION_OF_OURS
from ablo_pg.compile.values import differs


def guard(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__guard()`, and `<model>__adopt()` if the parent has the organization."""
    if not model.synced:
        return
    if model.parent_table:
        yield from _adopt(model, model.parent_table)
    org = model.org.sql
    judged = _judged(model)
    declared = "\n  v_field text;" if "v_field" in judged else ""
    declared += "\n  v_id text;\n  v_parts text[];" if model.spec.claims_bind_sql else ""
    bind = ""
    if model.spec.claims_bind_sql:  # a row without an organization cannot be claimed
        bind = f"\n  if v_organization is not null then\n{indent(_bind(model), 4)}\n  end if;"
    yield from Function(
        name=model.function("guard"),
        args=[],
        returns="trigger",
        security="definer",
        settings=("timezone",),  # updated_at of an adopted table may have no zone
        body=f"""\
declare
  v_organization text;
  v_moved boolean := false;
  v_writer text := coalesce(
    nullif(current_setting('app.current_participant_id', true), ''),
    'system:' || session_user
  );{declared}
begin
  if tg_op = 'DELETE' then
    v_organization := old.{org};
  else
    v_organization := new.{org};
  end if;
  if tg_op = 'UPDATE' then
{indent(_updated(schema, model), 4)}
  end if;
{judged}\
  if v_organization is distinct from current_setting('app.current_org_id', true) then
    perform ablo.capture_note(v_organization);
  end if;
  if v_writer is distinct from current_setting('ablo.writer', true)
    and ablo.writer_note(v_writer) is null
  then
    null;
  end if;{bind}
  if tg_op = 'DELETE' then
    return old;
  end if;
  return new;
end""",
    ).sql()


def _judged(model: ModelPlan) -> str:
    """Refuse what the writer may not write. What a cascade or a trigger does is not judged."""
    row = f"coalesce(new.{model.id.sql}, old.{model.id.sql})::text"
    call = f"perform ablo.permission_refuse({literal(model.title)}, tg_op, {row}"
    parts = []
    if test := refuses(model, "v_writer"):
        parts.append(f"if {test} then\n  {call});\nend if;")
    if field := refused_field(model, "v_writer"):
        parts.append(
            f"v_field := {field};\nif v_field is not null then\n  {call}, v_field);\nend if;"
        )
    if not parts:
        return ""
    judged = indent("\n".join(parts), 4)
    return f"""\
  if pg_trigger_depth() = 1 and {SESSION_OF_OURS} then
{judged}
  end if;
"""


def _updated(schema: SchemaPlan, model: ModelPlan) -> str:
    """updated_at changes, unless a migration only rewrites the row under a new name."""
    org, id_ = model.org.sql, model.id.sql
    taken = any(
        (one.schema, one.table) == (model.spec.table_schema, model.spec.table)
        for one in (other.parent_table for other in schema.synced)
        if one is not None
    )
    fixed = f"new.{org} is distinct from old.{org}" if taken else "false"
    return f"""\
v_moved := new.{id_} is distinct from old.{id_}
  or old.{org} is not null and new.{org} is distinct from old.{org};
if v_moved then
  perform ablo.row_identity_check(tg_relid, {fixed});
  perform ablo.capture_note(old.{org}::text);
end if;
if new."updated_at" is not distinct from old."updated_at"
  and current_setting('ablo.keep_updated_at', true) is distinct from 'on'
then
  new."updated_at" := greatest(
    clock_timestamp(), old."updated_at" + interval '1 millisecond'
  );
end if;"""


def _bind(model: ModelPlan) -> str:
    """A claim also refuses plain SQL. One index probe if the row is not claimed.

    At levels above READ COMMITTED the probe may see the past: there `claim_bind` decides. If the
    model limits reading, a claim needs a row that exists: the unique violation answers a new id,
    and does not tell of the claim on a row that the writer may not read.
    """
    changed = ",\n    ".join(
        f"case when {differs(column, 'old', 'new')} then {literal(column.wire.lower())} end"
        for column in model.row_columns
        if column.wire not in ("id", "updatedAt", "organizationId")
    )
    stays = f"not v_moved and old.{model.org.sql} is not null"
    probe = f"""\
if current_setting('transaction_isolation') <> 'read committed' or exists (
  select from ablo.claim c
  where c.organization_id = v_organization and c.model = {model.typename} and c.row_id = v_id
    and c.status = 'active'
) then
  if tg_op = 'UPDATE' and {stays} then
    v_parts := array_remove(array[
    {changed}
    ], null);
  end if;
  perform ablo.claim_bind(v_organization, {model.typename}, v_id, v_parts);
end if;"""
    left = f"""\
if v_moved then
  perform ablo.claim_bind(
    old.{model.org.sql}::text, {model.typename}, old.{model.id.sql}::text, null
  );
end if;
"""
    if limits_reading(model):
        known = f"v_id := old.{model.id.sql};\n{probe}"
        return f"{left}if {stays} then\n{indent(known)}\nend if;"
    return f"""\
{left}if v_moved or old.{model.org.sql} is null then
  v_id := new.{model.id.sql};
  perform pg_advisory_xact_lock_shared(
    ablo.creation_key(v_organization, {model.typename}, v_id)
  );
else
  v_id := old.{model.id.sql};
end if;
{probe}"""


def _adopt(model: ModelPlan, parent: ParentTable) -> tuple[str, ...]:
    """The row takes its parent's organization. Runs with the writer's own view of the parents.

    If the parent has no organization, which only a login that sees all rows can find, neither has
    the row. The same applies to a row without a parent, inserted by an adopted table's application.
    """
    org, key = model.org.sql, f"new.{parent.local_key}"
    is_ours = "(select c.relowner = 'ablo_owner'::regrole from pg_class c where c.oid = tg_relid)"
    table = qualified(parent.schema, parent.table)
    shown = f"quote_nullable(left({key}::text, 80))"
    refusal = [
        "raise exception using",
        "    errcode = 'foreign_key_violation',",
        f"    message = {literal(model.title + ': no parent row ')} || {shown}",
        f"      || {literal(' in ' + parent.table)},",
        f"    hint = {literal('name a row of ' + parent.table + ' of the same organization')};",
    ]
    return Function(
        name=model.function("adopt"),
        args=[],
        returns="trigger",
        body=f"""\
begin
  if new.{org} is null then
    new.{org} := (select p.{parent.org} from {table} p where p.{parent.key} = {key});
    if new.{org} is null and (
      exists (select from {table} p where p.{parent.key} = {key} and p.{parent.org} is null)
      or not ({SESSION_OF_OURS} or {is_ours})
    ) then
      return new;
    end if;
  elsif not exists (
    select from {table} p where p.{parent.org} = new.{org} and p.{parent.key} = {key}
  ) then
    new.{org} := null;
  end if;
  if new.{org} is null then
{indent(chr(10).join(refusal), 4)}
  end if;
  return new;
end""",
    ).sql()
