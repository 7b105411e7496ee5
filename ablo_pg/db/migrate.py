"""What a migration reads from the catalogue, and how it takes locks. All blocking.

The compiler writes a plan's statements; this module has what surrounds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

_FACTS: Final[LiteralString] = """
select json_build_object(
  'size', pg_catalog.pg_relation_size(c.oid),
  'owner', pg_catalog.pg_get_userbyid(c.relowner), 'login', current_user,
  'ours', pg_catalog.pg_has_role(c.relowner, 'usage'),
  'rows', c.reltuples::bigint,
  'columns', (
    select coalesce(json_object_agg(a.attname, json_build_object(
      'type', b.typname, 'native', b.typtype = 'e' or b.typcategory = 'A' and exists (
        select from pg_catalog.pg_type e where e.oid = b.typelem
          and e.typtype in ('b', 'e') and e.typname not in ('json', 'jsonb', 'bytea')),
      'declared', pg_catalog.format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
      'default', d.adbin is not null or a.attidentity <> '',
      'added', pg_catalog.col_description(c.oid, a.attnum) is not distinct from 'added by ablo_pg'
    )), '{}')
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type b on b.oid = (
      with recursive under (oid, base) as (
        select t.oid, t.typbasetype from pg_catalog.pg_type t where t.oid = a.atttypid
        union all
        select t.oid, t.typbasetype from under u join pg_catalog.pg_type t on t.oid = u.base
      )
      select u.oid from under u where u.base = 0)
    left join pg_catalog.pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'constraints', (
    select coalesce(json_object_agg(k.conname, json_build_object(
      'mark', pg_catalog.obj_description(k.oid, 'pg_constraint'), 'valid', k.convalidated,
      'kind', k.contype, 'columns', array(
        select a.attname from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum = any (k.conkey)))), '{}')
    from pg_catalog.pg_constraint k where k.conrelid = c.oid),
  'indexes', (
    select coalesce(json_object_agg(n.relname, json_build_object(
      'mark', pg_catalog.obj_description(n.oid, 'pg_class'),
      'valid', i.indisvalid, 'unique', i.indisunique and i.indpred is null, 'columns', array(
        select a.attname from pg_catalog.pg_attribute a
        where a.attrelid = c.oid and a.attnum = any (i.indkey)))), '{}')
    from pg_catalog.pg_index i join pg_catalog.pg_class n on n.oid = i.indexrelid
    where i.indrelid = c.oid),
  'key', array(
    select a.attname from pg_catalog.pg_index i
    cross join unnest(i.indkey::int[]) with ordinality k (attnum, place)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    where i.indrelid = c.oid and i.indisprimary order by k.place),
  'triggers', array(
    select g.tgname from pg_catalog.pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal)
)
from pg_catalog.pg_class c join pg_catalog.pg_namespace s on s.oid = c.relnamespace
where s.nspname = %s and c.relname = %s and c.relkind in ('r', 'p')"""
_SCHEMAS: Final[LiteralString] = """
select schema, active from ablo.schema_version order by active desc, version desc limit 200"""
_DEBTS: Final[LiteralString] = "select typename from ablo.migration_debt"
_SEES_ALL: Final[LiteralString] = """
select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = current_user"""
_OURS: Final[LiteralString] = """
select t from unnest(%s::text[]) t join pg_catalog.pg_class c on c.oid = pg_catalog.to_regclass(t)
where pg_catalog.pg_has_role(c.relowner, 'usage')"""
# Who blocks a lock: other sessions with locks on these tables, oldest first.
_HOLDERS: Final[LiteralString] = """
select distinct a.pid, coalesce(a.application_name, ''), a.state,
  extract(epoch from clock_timestamp() - a.xact_start)::int
from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.granted and a.pid <> pg_catalog.pg_backend_pid()
  and l.relation = any (select pg_catalog.to_regclass(t) from unnest(%s::text[]) t)
  and a.xact_start is not null
order by 4 desc limit 5"""
_PROVISION: Final[LiteralString] = (
    "pg_catalog.pg_advisory_lock(pg_catalog.hashtext('provision:public'))"
)
_RELEASE: Final[LiteralString] = (
    "select pg_catalog.pg_advisory_unlock(pg_catalog.hashtext('provision:public'))"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A session that holds a lock on a table: its process, program, state, seconds so far."""

    pid: int
    program: str
    state: str
    seconds: int

    def __str__(self) -> str:
        return f"process {self.pid} ({self.program or 'unnamed'}, {self.state}, {self.seconds} s)"


def table_facts(conn: psycopg.Connection, schema: str, table: str) -> dict[str, Any] | None:
    """Return the catalogue's description of a table, or None if it does not exist."""
    row = conn.execute(_FACTS, [schema, table]).fetchone()
    return row[0] if row else None


def pushed_schemas(conn: psycopg.Connection) -> list[tuple[Any, bool]]:
    """Return the pushed schemas as JSON, the active one first, then the newest."""
    return conn.execute(_SCHEMAS).fetchall()


def migration_debts(conn: psycopg.Connection) -> frozenset[str]:
    """Return the typenames of models whose rows still have to be written once."""
    return frozenset(name for (name,) in conn.execute(_DEBTS))


def lock_holders(conn: psycopg.Connection, tables: Iterable[str]) -> list[Holder]:
    """Return who has locks on tables (quoted names), the longest transaction first."""
    return [Holder(*row) for row in conn.execute(_HOLDERS, [list(tables)])]


@contextmanager
def provisioning(conn: psycopg.Connection) -> Iterator[None]:
    """Lock out every other migration for the duration of this block; waits 5 s at most.

    5 s protects a person at a terminal; a false alarm costs a second attempt. The lock is the
    session's, so the connection must not go through a pooler that shares sessions.
    """
    with conn.transaction():
        conn.execute("set local lock_timeout = '5s'")
        conn.execute("select " + _PROVISION)
    try:
        yield
    finally:
        if not conn.closed:
            conn.execute(_RELEASE)


@contextmanager
def sight(conn: psycopg.Connection, tables: Iterable[str]) -> Iterator[None]:
    """Let a login that is subject to row-level security, and no other, see all rows of these
    tables.

    A policy for this login alone; the kernel's functions run as another role. Superusers need none,
    and tables of other owners get none: the plan has refused what would alter them.
    """
    row = conn.execute(_SEES_ALL).fetchone()
    seen = row is None or row[0]
    names = [] if seen else [name for (name,) in conn.execute(_OURS, [list(tables)])]
    make = sql.SQL(
        "create policy ablo_migrate on {} to current_user using (true) with check (true)"
    )
    drop = sql.SQL("drop policy if exists ablo_migrate on {}")
    try:
        for name in names:
            with conn.transaction():
                conn.execute("set local lock_timeout = '2s'")
                conn.execute(drop.format(_table(name)))
                conn.execute(make.format(_table(name)))
        yield
    finally:
        for name in names if not conn.closed else ():
            conn.execute(drop.format(_table(name)))


def _table(name: str) -> sql.SQL:
    # A name that the compiler has quoted.
    return sql.SQL(name)


def set_lock_timeout(conn: psycopg.Connection, milliseconds: int) -> None:
    """Limit, until the transaction ends, how long it waits for a lock (and others behind it)."""
    conn.execute("select pg_catalog.set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])


def write_briefly(conn: psycopg.Connection, milliseconds: int | None) -> None:
    """Limit how long the next statement holds rows: captured at once, and given up at the limit.

    Captured within the statement, so that the limit covers all of a page except its flush.
    """
    if milliseconds is not None:
        set_statement_timeout(conn, milliseconds)
    conn.execute("set constraints all immediate")


def set_statement_timeout(conn: psycopg.Connection, milliseconds: int) -> None:
    """Limit, until the transaction ends, how long one statement takes; 0 means no limit."""
    conn.execute(
        "select pg_catalog.set_config('statement_timeout', %s, true)", [f"{milliseconds}ms"]
    )


def is_waited_for(conn: psycopg.Connection) -> bool:
    """Whether another session waits for a lock of this one's."""
    query = """
    select exists (select from pg_catalog.pg_locks l where not l.granted
      and pg_catalog.pg_backend_pid() = any (pg_catalog.pg_blocking_pids(l.pid)))"""
    return bool((conn.execute(query).fetchone() or (False,))[0])


def set_session_patience(conn: psycopg.Connection, milliseconds: int) -> None:
    """Limit how long statements outside a transaction wait for a lock."""
    conn.execute("select pg_catalog.set_config('lock_timeout', %s, false)", [f"{milliseconds}ms"])


def write_as_migration(conn: psycopg.Connection, *, keep_updated_at: bool) -> None:
    """Attribute these changes to a migration; `updated_at` stays if a row is only rewritten."""
    if keep_updated_at:
        conn.execute("select pg_catalog.set_config('ablo.keep_updated_at', 'on', true)")
    conn.execute(
        "select pg_catalog.set_config('app.current_participant_id', 'system:migrate', true)"
    )


def count(conn: psycopg.Connection, query: str) -> int:
    """Return the single number that a compiled query returns."""
    row = conn.execute(query).fetchone()
    return int(row[0]) if row else 0
