"""Push a schema over an administrative URL, in one call, for a service."""

from __future__ import annotations

from ablo_pg.db.admin import admin_connection
from ablo_pg.kernel.schema_push import Pushed, push
from ablo_pg.schema import SchemaSpec
from ablo_pg.schema.pushing import PushOptions


def push_schema(
    admin_url: str, spec: SchemaSpec, options: PushOptions, *, dry_run: bool = False
) -> Pushed:
    """Make a schema the active one, or do a dry run; blocking. Raises as `schema_push.push`."""
    with admin_connection(admin_url) as conn:
        return push(conn, spec, options, dry_run=dry_run)
