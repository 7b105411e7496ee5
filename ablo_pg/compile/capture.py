"""Pass: the capture function, which turns a row change into its delta at the commit point.

It is the trigger function of a deferred constraint trigger, so it runs once per changed row in
every writer's transaction: assignments, the order lock (as an expression, which runs no query),
then one static INSERT. The lock is taken before the id is drawn: that makes id order the commit
order. A row of an adopted table may belong to no organization: then no log records its changes, and
the update that assigns an organization counts as its create. If it gets another id or organization,
it is deleted under the old one and created under the new: two deltas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import Function
from ablo_pg.compile.groups import far_groups, is_deep, left_groups, near_groups, only_in
from ablo_pg.compile.names import indent
from ablo_pg.compile.permissions import limits_reading
from ablo_pg.compile.plan import Column, ModelPlan, SchemaPlan
from ablo_pg.compile.row import pair_texts, row_json
from ablo_pg.compile.values import differs

_DECLARED: Final = """\
declare
  v_organization text;
  v_id text;
  v_op text;
  v_gone boolean := tg_op = 'DELETE';
  v_made boolean := tg_op = 'INSERT';
  v_groups text[];
  v_left text[];
  v_entered text[];
  v_row json;
  v_changed text[];
  v_pairs text;
  v_before json;
  v_done text;"""

# The writer recorded by the guard; a table without its guard is drift, and the writer is its login.
_ACTOR: Final = (
    "coalesce(nullif(current_setting('ablo.writer', true), ''), 'system:' || session_user)"
)

# A change of a grant leaves ids for what streams then show and remove.
_SPACED: Final = """\
case when v_op in ('I', 'D') or v_left is not null or v_entered is not null
    then ablo.sync_id_spaced() else nextval('ablo.sync_id') end"""


def capture(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Emit `<model>__capture()`."""
    if not model.synced:
        return
    org, id_ = model.org.sql, model.id.sql
    yield from Function(
        name=model.function("capture"),
        args=[],
        returns="trigger",
        security="definer",
        settings=("timezone", "datestyle", "extra_float_digits"),
        body=f"""\
{_DECLARED}
begin
  if tg_op = 'UPDATE' then
    v_made := old.{org} is null;
    v_gone := not v_made
      and (new.{id_} is distinct from old.{id_} or new.{org} is distinct from old.{org});
  end if;
  if coalesce(new.{org}, old.{org}) is null then
    return null;
  end if;
  loop
    if v_gone then
{indent(_deleted(model), 6)}
    else
{indent(_kept(model), 6)}
    end if;
    v_done := ablo.order_lock(v_organization);
{indent(_insert(model) + _hand_on(model), 4)}
    exit when not v_gone or new.{org} is null;
    v_gone := false;
    v_made := true;
    v_before := null;
    v_entered := null;
  end loop;
  return null;
end""",
    ).sql()


def _identity(model: ModelPlan, row: str) -> str:
    return f"v_organization := {row}.{model.org.sql};\nv_id := {row}.{model.id.sql};"


def _deleted(model: ModelPlan) -> str:
    lines = [_identity(model, "old"), "v_op := 'D';", f"v_groups := {near_groups(model, 'old')};"]
    if model.spec.before:
        lines.append(
            f"begin\n  v_before := {indent(row_json(model, 'old')).lstrip()};\n"
            f"exception when undefined_column then\n  select d.before into v_before\n"
            f"  from ablo.row_drifted({model.typename}, tg_relid, to_jsonb(old), null) d;\nend;"
        )
    if is_deep(model):  # its owners may be gone by now; the log has the row's last groups
        last = f"ablo.row_groups(v_organization, {model.typename}, v_id)"
        union = f"select distinct g from unnest(v_groups || {last}) g order by g"
        lines += [far_groups(model, "old"), f"v_groups := array(\n  {union}\n);"]
        if model.spec.before or model.grant:
            lines.append(f"v_entered := {_unproved(model, 'v_groups')};")
    return "\n".join(lines)


def _unproved(model: ModelPlan, groups: str) -> str:
    """The groups of a row that is deep but for those that the old row itself names.

    Which others it was in then, in the middle of a transaction that moves rows and owners, cannot
    be read any more: their keys do not get what was before.
    """
    return only_in(groups, near_groups(model, "old"))


def _kept(model: ModelPlan) -> str:
    """An inserted or updated row. Groups that an update removes it from get a removal.

    If a field's column is gone, its writer can continue, and the rest of the row is logged.
    """
    archived, old = model.archived.sql, "case when not v_made then to_jsonb(old) end"
    drifted = f"ablo.row_drifted({model.typename}, tg_relid, {old}, to_jsonb(new))"
    found = " into v_row, v_changed"
    if model.spec.before:
        found = ", d.before into v_row, v_changed, v_before"
    row = f"""\
begin
  v_row := {row_json(model, "new")};
  if not v_made then
{indent(_replaced(model), 4)}
  end if;
exception when undefined_column then
  select d.row_json, d.changed{found}
  from {drifted} d;
end;"""
    update = [
        f"v_op := case\n"
        f"  when (old.{archived} is null) = (new.{archived} is null) then 'U'\n"
        f"  when old.{archived} is null then 'A'\n"
        f"  else 'V'\n"
        f"end;",
    ]
    insert = ["v_op := 'I';"]
    groups = [f"v_groups := {near_groups(model, 'new')};", far_groups(model, "new")]
    lines = [_identity(model, "new"), row, *filter(None, groups)]
    if model.parents or model.roles or model.grant:
        update.append(left_groups(model))
    if is_deep(model) and (model.spec.before or model.grant):
        update.append(f"v_entered := {_unproved(model, 'v_groups || v_left')};")
    branches = [
        "if not v_made then",
        indent("\n".join(update)),
        "else",
        indent("\n".join(insert)),
        "end if;",
    ]
    return "\n".join([*lines, *branches])


def _replaced(model: ModelPlan) -> str:
    """What an update changed; a statement a field: each transaction sets up those that run."""
    lines = ["v_changed := array['updatedAt'];"]
    if model.spec.before:
        lines.append(f"v_pairs := {pair_texts(model, model.base[2], 'old')[0]};")
    for column in filter(_can_change, model.row_columns):
        lines.append(f"if {differs(column, 'old', 'new')} then")
        lines.append(f"  v_changed := v_changed || array[{', '.join(column.keys)}];")
        if model.spec.before:
            pairs = [f"', ' || {pair}" for pair in pair_texts(model, column, "old")]
            lines.append(f"  v_pairs := v_pairs || {' || '.join(pairs)};")
        lines.append("end if;")
    if model.spec.before:
        lines.append("v_before := ('{' || v_pairs || '}')::json;")
    return "\n".join(lines)


def _insert(model: ModelPlan) -> str:
    sync_id = _SPACED if model.grant else "nextval('ablo.sync_id')"
    return f"""\
insert into ablo.delta (
  sync_id, organization_id, model, row_id, op, groups, "row", changed,
  actor, on_behalf_of, capability_id, claim_id, transaction_id, xid, created_at, left_groups,
  before, entered_groups
)
values (
  {sync_id}, v_organization, {model.typename}, v_id, v_op, v_groups, v_row, v_changed,
  {_ACTOR},
  nullif(current_setting('ablo.on_behalf_of', true), ''),
  nullif(current_setting('ablo.capability_id', true), ''),
  ablo.claim_of({model.typename}, v_id),
  ablo.transaction_of({model.typename}, v_id),
  pg_current_xact_id(), clock_timestamp(), v_left, v_before, v_entered
);"""


def _hand_on(model: ModelPlan) -> str:
    """Hand the row on to `ablo.commit_rows`, unless its writer may be one that may not read it."""
    if limits_reading(model) or model.spec.hides_fields:
        return ""
    return f"""
if current_setting('ablo.row', true) <> '' then
  v_done := set_config('ablo.row', {model.typename} || ':' || v_id || e'\\x1f{{"row" : '
    || coalesce(v_row::text, 'null') || ', "stamp" : ' || currval('ablo.sync_id') || '}}', true);
end if;"""


def changed_fields(model: ModelPlan, old: str, new: str) -> str:
    """Return the wire names of what an update changed, always with updated_at (see the guard)."""
    columns = [column for column in model.row_columns if _can_change(column)]
    tests = [
        f"case when {differs(column, old, new)} then {key} end"
        for column in columns
        for key in column.keys
    ]
    return "array_remove(array[\n  " + ",\n  ".join(["'updatedAt'", *tests]) + "\n], null)"


def before_json(model: ModelPlan, old: str, new: str) -> str:
    """Return the JSON of what an update replaced: the changed fields, as the old row had them."""
    pairs = pair_texts(model, model.base[2], old)
    pairs += [
        f"case when {differs(column, old, new)} then {pair} end"
        for column in model.row_columns
        if _can_change(column)
        for pair in pair_texts(model, column, old)
    ]
    return "('{' || array_to_string(array[\n  " + ",\n  ".join(pairs) + "\n], ', ') || '}')::json"


def _can_change(column: Column) -> bool:
    return column.wire not in ("id", "updatedAt", "organizationId")
