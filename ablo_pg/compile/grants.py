"""Pass: the runtime role's rights on a table. Policies decide about rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ablo_pg.compile.forms import do_block
from ablo_pg.compile.names import qualified
from ablo_pg.compile.plan import ModelPlan, SchemaPlan


def grants(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Grant row access on a tenant's table, reading only on the others. Never TRUNCATE.

    Also to the kernel's owner, which does not own an adopted table. Both use the sequences that its
    defaults name.
    """
    rights = "select, insert, update, delete" if model.synced else "select"
    for role in ("ablo_runtime", "ablo_owner"):
        yield f"grant {rights} on table {model.table} to {role};"
    if model.synced:
        yield do_block(_SEQUENCES.format(regclass=model.regclass), declare="v_sequence text;")
    parent = model.parent_table
    if parent and not parent.compiled:  # every insert reads the organization from it
        table = qualified(parent.schema, parent.table)
        yield f"grant select on table {table} to ablo_owner, ablo_runtime;"


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
