"""The facts that `ablo-pg doctor` reads, one query per connection, and the SQL of its fixes."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from psycopg import sql

# Readable by any login, except what pg_stat_activity and the slots show of others.
_SERVER: Final[LiteralString] = """
select json_build_object(
  'version', current_setting('server_version_num')::int,
  'started', pg_catalog.pg_postmaster_start_time(),
  'database', current_database(),
  'encoding', current_setting('server_encoding'),
  'now', extract(epoch from clock_timestamp()),
  'walLevel', current_setting('wal_level'),
  'senders', current_setting('max_wal_senders')::int,
  'slotsAllowed', current_setting('max_replication_slots')::int,
  'fsync', current_setting('fsync'),
  'synchronousCommit', current_setting('synchronous_commit'),
  'recovery', pg_catalog.pg_is_in_recovery(),
  'locks', current_setting('max_locks_per_transaction')::int
    * (current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int),
  'relations', (select count(*) from pg_catalog.pg_class c where c.relkind in ('r', 'p', 'i', 'I')
    and c.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)),
  'slots', (select coalesce(json_agg(json_build_object('name', s.slot_name, 'active', s.active,
      'bytes', case when pg_catalog.pg_is_in_recovery() then 0
        else pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), s.restart_lsn) end)), '[]')
    from pg_catalog.pg_replication_slots s where not s.temporary and s.restart_lsn is not null),
  'prepared', (select coalesce(json_agg(json_build_object('gid', p.gid, 'seconds',
      extract(epoch from clock_timestamp() - p.prepared)::int)), '[]')
    from pg_catalog.pg_prepared_xacts p where p.database = current_database()),
  'unanswered', (select max(extract(epoch from clock_timestamp() - a.state_change))::int
    from pg_catalog.pg_stat_activity a where a.wait_event = 'SyncRep'),
  'standbys', current_setting('synchronous_standby_names'),
  'idle', (select coalesce(json_agg(json_build_object('pid', a.pid, 'program', a.application_name,
      'seconds', extract(epoch from clock_timestamp() - a.xact_start)::int)), '[]')
    from pg_catalog.pg_stat_activity a
    where a.datname = current_database() and a.state like 'idle in transaction%'
      and a.xact_start < clock_timestamp() - interval '5 minutes')
)"""
# As an administrator, if there is a kernel.
_KERNEL: Final[LiteralString] = """
select json_build_object(
  'logBytes', (select coalesce(sum(pg_catalog.pg_total_relation_size(i.inhrelid)), 0)
    from pg_catalog.pg_inherits i where i.inhparent = 'ablo.delta'::regclass),
  'stray', exists (select from ablo.delta_default),
  'unsealed', (select ablo.audit_unsealed(q.last_value - q.last_value % 10000000 - 1)
    from ablo.sync_id q),
  'settles', exists (select from pg_catalog.pg_event_trigger
    where evtname = 'ablo_capture_before_ddl' and evtenabled <> 'D'),
  'debts', (select coalesce(json_agg(d.typename order by d.typename), '[]')
    from ablo.migration_debt d),
  'unvalidated', (select coalesce(json_agg(
      format('%I on %s', k.conname, k.conrelid::regclass)), '[]')
    from pg_catalog.pg_constraint k where not k.convalidated and k.contype in ('c', 'f')
      and pg_catalog.obj_description(k.oid, 'pg_constraint') like 'ablo_pg %'),
  'invalid', (select coalesce(json_agg(i.indexrelid::regclass::text), '[]')
    from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
    join ablo.model m on m.table_name = c.relname where not i.indisvalid),
  'triggers', (select coalesce(json_agg(json_build_object('name', t.tgname,
      'table', t.tgrelid::regclass::text)), '[]')
    from pg_catalog.pg_trigger t where t.tgname like 'zz\\_ablo\\_%' and t.tgenabled <> 'A'),
  'open', (select coalesce(json_agg(json_build_object('table', c.oid::regclass::text,
      'ours', c.relowner = 'ablo_owner'::regrole)), '[]')
    from ablo.model m join pg_catalog.pg_namespace n on n.nspname = m.table_schema
    join pg_catalog.pg_class c on c.relnamespace = n.oid and c.relname = m.table_name
    where m.tenancy in ('column', 'parent') and not (c.relrowsecurity
      and (c.relforcerowsecurity or c.relowner <> 'ablo_owner'::regrole))),
  'writer', to_regrole('ablo_writer') is not null,
  'setwise', (select coalesce(json_agg(x.fix order by x.fix desc), '[]')
    from pg_catalog.pg_roles w cross join lateral (
      select 'grant ablo_writer to ablo_owner;' as fix
       where not pg_has_role('ablo_owner', w.oid, 'usage')
      union all
      select format('grant %s on schema %s to ablo_writer;', r.name, r.schema)
        from (values ('usage', 'ablo'), ('usage', 'ablo_model'), ('create', 'ablo_model'))
             r (name, schema)
       where not has_schema_privilege(w.oid, r.schema, r.name)
      union all
      select format(case when p.proname like '%\\_\\_many' and p.proowner <> w.oid
                    then 'alter function %s owner to ablo_writer;'
                    else 'grant execute on function %s to ablo_writer;' end, p.oid::regprocedure)
        from pg_catalog.pg_proc p
       where (p.pronamespace = 'ablo_model'::regnamespace
           or p.oid = to_regprocedure('ablo.json_fits(jsonb)'))
         and not (has_function_privilege(w.oid, p.oid, 'execute')
           and (p.proname not like '%\\_\\_many' or p.proowner = w.oid))
      union all
      select format('grant %s on table %s to ablo_writer;', r.name, c.oid::regclass)
        from ablo.model m
        join pg_catalog.pg_class c
          on c.oid = to_regclass(format('%I.%I', m.table_schema, m.table_name))
       cross join unnest(array['select', 'insert', 'update', 'delete']) r (name)
       where exists (select from pg_catalog.pg_proc p
             where p.pronamespace = 'ablo_model'::regnamespace and p.proname = m.key || '__many')
         and not has_table_privilege(w.oid, c.oid, r.name)) x
   where w.rolname = 'ablo_writer')
)"""


# Who holds an advisory lock of the kernel while it is idle, is prepared, or blocks others. A
# transaction at its commit point holds the gate and the order locks of its organizations.
_HELD: Final[LiteralString] = """
with lock as (
  select l.virtualtransaction as who, l.pid, l.granted, l.waitstart,
         l.classid::bigint << 32 | l.objid::bigint as key
    from pg_catalog.pg_locks l
   where l.locktype = 'advisory' and l.objsubid = 1
     and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
), wait as (
  select key, count(*) as waiters, min(waitstart) as since from lock where not granted group by key
), holder as (
  select h.who, h.pid, array_agg(h.key) as keys, coalesce(sum(w.waiters), 0)::int as waiters,
         min(w.since) as since
    from lock h left join wait w using (key) where h.granted group by h.who, h.pid
  having bool_or(h.key in (ablo.order_gate_key(), ablo.extend_key(), hashtext('ablo:kernel'),
                           hashtext('provision:public')))
)
select coalesce(json_agg(x), '[]') from (
  select h.pid, p.gid, a.application_name as program, a.state, a.wait_event as event, h.waiters,
         h.keys, extract(epoch from clock_timestamp() - least(h.since, p.prepared,
           case when a.state like 'idle in transaction%' then a.state_change end))::int as seconds
    from holder h
    left join pg_catalog.pg_stat_activity a on a.pid = h.pid
    left join pg_catalog.pg_locks t on t.virtualtransaction = h.who and t.granted
         and t.locktype = 'transactionid' and t.mode = 'ExclusiveLock'
    left join pg_catalog.pg_prepared_xacts p on h.pid is null and p.transaction = t.transactionid
) x where x.seconds is not null"""
# The organizations of these order locks, one index probe per organization of the log.
_OF_KEYS: Final[LiteralString] = """
with recursive o (id) as (
  (select d.organization_id from ablo.delta d order by 1 limit 1)
  union all
  select (select d.organization_id from ablo.delta d where d.organization_id > o.id
           order by 1 limit 1)
    from o where o.id is not null
)
select id from o where ablo.order_key(id) = any (%s) limit 5"""


def held_locks(conn: psycopg.Connection) -> list[dict[str, object]]:
    """Return who has held the kernel's locks for some time, and whose commits wait.

    Each with pid or gid, program, state, event, waiters, seconds, and organizations: at most five.
    """
    row = conn.execute(_HELD).fetchone()
    found: list[dict[str, object]] = row[0] if row else []
    for each in found:
        each["organizations"] = [one for (one,) in conn.execute(_OF_KEYS, [each["keys"]])]
    return found


def server_facts(conn: psycopg.Connection) -> dict[str, Any]:
    """Return settings, slots, and transactions that block others."""
    row = conn.execute(_SERVER).fetchone()
    return dict(row[0]) if row else {}


def kernel_facts(conn: psycopg.Connection) -> dict[str, object]:
    """Return the part of the kernel's catalogue that an administrator sees."""
    row = conn.execute(_KERNEL).fetchone()
    return dict(row[0]) if row else {}


def backend_pid(conn: psycopg.Connection) -> int:
    """Return the server process that answers; behind a pooler it may differ from the first one."""
    row = conn.execute("select pg_catalog.pg_backend_pid()").fetchone()
    return int(row[0]) if row else 0


def identity_check(conn: psycopg.Connection) -> None:
    """Let the kernel refuse a login that could see past row-level security."""
    conn.execute("select ablo.identity_check()")


def status(conn: psycopg.Connection) -> dict[str, object]:
    """Return the kernel's status."""
    row = conn.execute("select ablo.status()").fetchone()
    return dict(row[0]) if row else {}


def logical_wal() -> str:
    """Return the SQL that enables streaming the log after a restart."""
    return "alter system set wal_level = logical;"


def enable_trigger(table: str, name: str) -> str:
    """Return the SQL that makes a trigger of ours fire for every writer."""
    return f'alter table {table} enable always trigger "{name}";'


def force_rls(table: str, *, ours: bool) -> str:
    """Return the SQL that enables row-level security, on a table of ours for its owner too."""
    statement = f"alter table {table} enable row level security;"
    return f"{statement}\nalter table {table} force row level security;" if ours else statement


def extend_log() -> str:
    """Return the SQL that creates the log's next partition."""
    return "select ablo.delta_extend();"


def drop_slot(name: str) -> str:
    """Return the SQL that frees the disk that a slot retains."""
    return f"select pg_drop_replication_slot({_quoted(name)});"


def end_prepared(gid: str) -> str:
    """Return the SQL that ends a prepared transaction."""
    return f"rollback prepared {_quoted(gid)};"


def end_session(pid: int) -> str:
    """Return the SQL that ends a session."""
    return f"select pg_terminate_backend({pid});"


def plain_login(name: str) -> str:
    """Return the SQL that makes row-level security apply to a login that is not a superuser."""
    return sql.SQL("alter role {} nobypassrls;").format(sql.Identifier(name)).as_string()


def allow_replication(name: str) -> str:
    """Return the SQL that lets a login stream."""
    return sql.SQL("alter role {} replication;").format(sql.Identifier(name)).as_string()


def run_fix(conn: psycopg.Connection, statement: str) -> None:
    """Run a fix built above."""
    conn.execute(statement)


def _quoted(text: str) -> str:
    return sql.Literal(text).as_string()
