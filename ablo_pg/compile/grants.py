"""Pass: what the runtime role may do with a table. Rows are a matter of the policies."""

from __future__ import annotations

from collections.abc import Iterator

from ablo_pg.compile.names import qualified
from ablo_pg.compile.plan import ModelPlan, SchemaPlan


def grants(schema: SchemaPlan, model: ModelPlan) -> Iterator[str]:
    """Grant row access on a tenant's table, reading only on the others. Never TRUNCATE."""
    rights = "select, insert, update, delete" if model.synced else "select"
    yield f"grant {rights} on table {model.table} to ablo_runtime;"
    parent = model.parent_table
    if parent and not parent.compiled:  # the organization is read from it at every insert
        table = qualified(parent.schema, parent.table)
        yield f"grant select on table {table} to ablo_owner, ablo_runtime;"
