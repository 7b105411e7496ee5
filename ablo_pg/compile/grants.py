"""Pass: the runtime role's rights on a table. Policies decide about rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import do_block
from ablo_pg.compile.names import qualified, text_array
from ablo_pg.compile.plan import ModelPlan, SchemaPlan
from ablo_pg.schema.neutral import READ


def grants(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Grant row access on a tenant's table, reading only on the others. Never TRUNCATE.

    Also to the kernel's owner, which does not own an adopted table. Both use the sequences that its
    defaults name.
    """
    rights = "select, insert, update, delete" if model.synced else "select"
    for role in ("ablo_runtime", "ablo_owner"):
        yield f"grant {rights} on table {model.table} to {role};"
    if model.spec.hides_fields:
        names = [c.name for c in model.row_columns if model.spec.permission(READ + c.wire)]
        yield do_block(
            _COLUMNS.format(regclass=model.regclass, table=model.table, hidden=text_array(names)),
            declare="v_columns text;",
        )
    if model.synced:
        yield do_block(_SEQUENCES.format(regclass=model.regclass), declare="v_sequence text;")
    parent = model.parent_table
    if parent and not parent.compiled:  # every insert reads the organization from it
        table = qualified(parent.schema, parent.table)
        yield f"grant select on table {table} to ablo_owner, ablo_runtime;"


# Plain SQL has no rows without some fields: it reads the other columns.
_COLUMNS: Final = """\
select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into v_columns
from pg_catalog.pg_attribute a
where a.attrelid = {regclass} and a.attnum > 0 and not a.attisdropped
  and a.attname <> all ({hidden});
revoke select on table {table} from ablo_runtime;
execute format('grant select (%s) on table {table} to ablo_runtime', v_columns);"""
_SEQUENCES: Final = """\
for v_sequence in
  select distinct s.id::text
  from pg_catalog.pg_attribute a
  cross join ablo.id_sequence({regclass}, a.attname::text) s (id)
  where a.attrelid = {regclass} and a.attnum > 0 and not (
    pg_catalog.has_sequence_privilege('ablo_owner', s.id, 'usage')
    and pg_catalog.has_sequence_privilege('ablo_runtime', s.id, 'usage')
  )
loop
  execute format('grant usage on sequence %s to ablo_owner, ablo_runtime', v_sequence);
end loop;"""
