"""Which roles have access to an application's table, and how, before it is adopted."""

from __future__ import annotations

from typing import Final, LiteralString

import msgspec
import psycopg
from psycopg import sql


class Access(msgspec.Struct, frozen=True):
    """One role, or public, on one table. by: superuser, bypassrls, owner, or grant.

    runs: our programs run as it: a member of ablo_runtime. reached: that one inherits the rights of
    ablo_runtime, and its limits. bound: row-level security will apply to it, and did not before.
    named: a grant names it, or it owns the table. reads_parent: it may select from the table that
    determines a row's organization.
    """

    role: str
    by: str
    rights: tuple[str, ...]
    runs: bool
    reached: bool
    bound: bool
    named: bool
    reads_parent: bool


# Roles without rights beyond PUBLIC's are reported as public. Predefined roles (pg_...) count
# through their members.
_ACCESS: Final[LiteralString] = """
with place as (
  select c.oid, c.relowner, c.relacl, c.relforcerowsecurity,
    c.relrowsecurity and not exists (
      select from pg_catalog.pg_policy p where p.polrelid = c.oid
        and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\\_pg %%') as policied,
    pg_catalog.to_regclass(%(parent)s) as parent
  from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass(%(table)s)
), wanted (number, name) as (
  values (1, 'select'), (2, 'insert'), (3, 'update'), (4, 'delete'), (5, 'truncate')
), everybody as (
  select array(
    select w.name from wanted w
    where pg_catalog.has_table_privilege('public', p.oid, w.name) order by w.number) as rights
  from place p
), found as (
  select r.oid, r.rolname, r.rolsuper, r.rolbypassrls, array(
    select w.name from wanted w
    where case when w.number < 4 then pg_catalog.has_any_column_privilege(r.oid, p.oid, w.name)
      else pg_catalog.has_table_privilege(r.oid, p.oid, w.name) end
    order by w.number) as rights,
    pg_catalog.pg_has_role(r.oid, 'ablo_runtime', 'member')
      and not pg_catalog.pg_has_role(r.oid, 'ablo_owner', 'member') as runs
  from pg_catalog.pg_roles r, place p
  where r.rolname !~ '^pg_' and r.rolname not in ('ablo_owner', 'ablo_runtime', 'ablo_replication')
), judged as (
  select f.rolname::text as role, f.rights,
    case when f.rolsuper then 'superuser' when f.rolbypassrls then 'bypassrls'
      when pg_catalog.pg_has_role(f.oid, p.relowner, 'usage')
        or f.runs and pg_catalog.pg_has_role(f.oid, p.relowner, 'member') then 'owner'
      else 'grant' end as by,
    f.runs, pg_catalog.pg_has_role(f.oid, 'ablo_runtime', 'usage') as reached,
    f.oid = p.relowner or exists (
      select from pg_catalog.aclexplode(p.relacl) a where a.grantee = f.oid) as named,
    p.parent is null or pg_catalog.has_any_column_privilege(f.oid, p.parent, 'select')
      as reads_parent, p.policied, p.relforcerowsecurity as forced
  from found f, place p, everybody e
  where f.rights <> '{}' and (not f.rights <@ e.rights or f.oid = p.relowner)
    or f.runs and pg_catalog.pg_has_role(f.oid, p.relowner, 'member')
  union all
  select 'public', e.rights, 'grant', false, true, true,
    p.parent is null or pg_catalog.has_any_column_privilege('public', p.parent, 'select'),
    p.policied, p.relforcerowsecurity
  from everybody e, place p where e.rights <> '{}'
)
select coalesce(json_agg(json_build_object('role', role, 'by', by, 'rights', rights, 'runs', runs,
  'reached', reached, 'named', named, 'reads_parent', reads_parent,
  'bound', by = 'grant' and not policied) order by by <> 'owner', role), '[]')::text
from judged where not runs or named or by = 'owner'"""

_DECODER: Final = msgspec.json.Decoder(tuple[Access, ...])


def table_access(conn: psycopg.Connection, table: str, parent: str | None) -> tuple[Access, ...]:
    """Return every role with access to a table. Args: quoted names, as the compiler writes them."""
    row = conn.execute(_ACCESS, {"table": table, "parent": parent}).fetchone()
    return _DECODER.decode(row[0]) if row else ()


def let_read(table: str, role: str) -> str:
    """Return the SQL that lets a role read a table; public means every role."""
    return f"grant select on {table} to {role if role == 'public' else _quoted(role)};"


def no_runtime(role: str) -> str:
    """Return the SQL that stops our programs from running as a role."""
    return f"revoke ablo_runtime from {_quoted(role)};"


def _quoted(role: str) -> str:
    return sql.Identifier(role).as_string()
