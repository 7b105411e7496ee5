"""Other row-level security policies: those that open a table of ours, or use a name of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, LiteralString

import psycopg

# Postgres ORs permissive policies: on a table of ours, one more opens what our policy closes. On an
# adopted table ours are restrictive, and apply whatever others allow. A runtime login is a member
# of ablo_runtime that `ablo.identity_check` accepts. `ablo.drift_check` uses the same test; here
# the roles need not exist yet.
_OTHERS: Final[LiteralString] = """
select n.nspname, c.relname, p.polname,
  c.relowner = (select o.oid from pg_catalog.pg_roles o where o.rolname = 'ablo_owner') is true,
  p.polpermissive and (p.polroles @> array[0::oid] or exists (
    select from pg_catalog.pg_roles m, unnest(p.polroles) r (id)
    where pg_catalog.pg_has_role(m.oid, r.id, 'member') and not (m.rolsuper or m.rolbypassrls)
      and (m.rolname = 'ablo_owner' or exists (
        select from pg_catalog.pg_roles g where g.rolname = 'ablo_runtime'
          and pg_catalog.pg_has_role(m.oid, g.oid, 'member'))
        and not exists (
          select from pg_catalog.pg_roles o where o.rolname = 'ablo_owner'
            and pg_catalog.pg_has_role(m.oid, o.oid, 'member')))))
from pg_catalog.pg_policy p
join pg_catalog.pg_class c on c.oid = p.polrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
  and coalesce(pg_catalog.obj_description(p.oid, 'pg_policy'), '') not like 'ablo\\_pg %%'
order by 1, 2, 3"""


_MENDS: Final = ("drop policy ", "alter table ")


def with_mending(drift: str) -> tuple[str, str | None]:
    """Split a message of `ablo.drift_check` into the sentence and the SQL that fixes it, if any."""
    for start in _MENDS:
        text, found, rest = drift.rpartition(f"\n{start}")
        if found:
            return text, start + rest
    return drift, None


def other_policies(
    conn: psycopg.Connection, tables: Iterable[tuple[str, str]]
) -> list[tuple[str, str, str, bool, bool]]:
    """Return the other policies on these tables.

    Each as schema, table, name, whether the table is ours, whether it lets a login of ours in.
    """
    pairs = list(tables)
    places = [schema for schema, _ in pairs], [table for _, table in pairs]
    return conn.execute(_OTHERS, places).fetchall()
