"""Compile a schema and apply it, in one call: what a service does with a push."""

from __future__ import annotations

from ablo_pg.compile import compile_schema
from ablo_pg.kernel.apply import Applied, apply
from ablo_pg.kernel.connect import admin_connection
from ablo_pg.schema import SchemaSpec


def push_schema(admin_url: str, spec: SchemaSpec) -> Applied:
    """Apply a schema over an administrative URL; blocking. Raises what `apply` raises."""
    compiled = compile_schema(spec)
    with admin_connection(admin_url) as conn:
        return apply(conn, compiled)
