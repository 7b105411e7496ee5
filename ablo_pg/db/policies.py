"""Other row-level security policies: those that open a table of ours, or use a name of ours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, LiteralString, NamedTuple

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


_OWN: Final[LiteralString] = """
select n.nspname, c.relname,
  c.relowner = (select o.oid from pg_catalog.pg_roles o where o.rolname = 'ablo_owner') is true,
  p.polname, p.polcmd = '*', p.polpermissive,
  array(select case r.id when 0 then 'public' else pg_catalog.pg_get_userbyid(r.id)::text end
    from unnest(p.polroles) r (id) order by 1),
  pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
  pg_catalog.obj_description(p.oid, 'pg_policy')
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_policy p on p.polrelid = c.oid
where (n.nspname, c.relname) in (select * from unnest(%s::text[], %s::text[]))
order by 1, 2, 4"""
# The first that is found is where the SQL begins.
_MENDS: Final = ("begin;\n", "drop policy ", "alter table ")


class PolicyFacts(NamedTuple):
    """A policy as the catalogue has it; of a table without any, one whose name is None.

    ours: whether the table belongs to ablo_owner. roles: `public` for everybody.
    """

    schema: str
    table: str
    ours: bool
    name: str | None
    every_command: bool | None
    permissive: bool | None
    roles: list[str]
    using: str | None
    check: str | None
    comment: str | None


def all_policies(
    conn: psycopg.Connection, tables: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[PolicyFacts]]:
    """Return the policies of these tables, by schema and table; a table has at least one entry."""
    pairs = list(tables)
    found: dict[tuple[str, str], list[PolicyFacts]] = {}
    places = [schema for schema, _ in pairs], [table for _, table in pairs]
    for row in conn.execute(_OWN, places).fetchall():
        found.setdefault(row[:2], []).append(PolicyFacts(*row))
    return found


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
