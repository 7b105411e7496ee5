"""What a session of the runtime login might try, to see another organization's rows."""

from __future__ import annotations

from typing import Final

MODELS: Final = ("tasks", "projects", "notes", "ledgers")
KERNEL: Final = (
    "delta", "delta_default", "delta_p000000", "receipt", "model", "field", "schema_version",
    "log_state", "kernel_version", "kernel_file", "sync_id", "claim", "claim_target", "presence",
    "audit_seal", "model_adopted", "api_key",
)  # fmt: skip

READS: Final = [
    statement
    for table in (*MODELS, *(f"ablo.{name}" for name in KERNEL))
    for statement in (
        f"select * from {table}",
        f"select count(*), string_agg(x::text, ' ') from {table} x",
        f"copy {table} to stdout",
        f"copy (select * from {table}) to stdout",
        f"select ctid, tableoid, * from {table} for share",
        f"set local row_security = off; select * from {table}",
        f"explain (analyze, verbose, timing off, summary off) select * from {table}",
    )
]
WRITES: Final = [
    statement
    for table, column in zip(MODELS, ("title", "name", "text", "amount"), strict=True)
    for statement in (
        f"update {table} set {column} = {column} returning *",
        f"delete from {table} returning *",
        f"truncate {table}",
        f"merge into {table} x using {table} y on true when matched then delete",
        f"insert into {table} select * from {table}",
        f"insert into {table} (organization_id, id) values ('north', 'z') returning *",
        f"alter table {table} disable row level security; select * from {table}",
        f"alter table {table} no force row level security",
        f"create policy p on {table} using (true)",
        f"create rule r as on select to {table} do instead select 1",
        f"create trigger r before update on {table} execute function ablo.truncate_refuse()",
        f"create temp table mine (like {table} including all)",
        f"drop table {table}",
    )
]
KERNEL_WRITES: Final = [
    statement
    for name in KERNEL
    for statement in (
        f"insert into ablo.{name} select * from ablo.{name}",
        f"insert into ablo.{name} default values",
        f"update ablo.{name} set xmin = xmin",
        f"delete from ablo.{name}",
        f"truncate ablo.{name}",
        f"alter table ablo.{name} add column x int",
        f"drop table ablo.{name}",
    )
]
LEAK: Final = """
create function pg_temp.leak(text) returns boolean language plpgsql cost 0.0000001
as 'begin raise notice ''seen %', $1; return true; end';
"""
TRICKS: Final = [
    # A cheap function of one's own must not run before the policy does.
    f"{LEAK} select count(*) from tasks where pg_temp.leak(title)",
    f"{LEAK} select count(*) from tasks where pg_temp.leak(tasks::text)",
    f"{LEAK} select count(*) from ablo.delta where pg_temp.leak(delta::text)",
    f"{LEAK} update tasks set title = title where pg_temp.leak(title)",
    "select count(*) from tasks where 1 / (length(title) - length(title)) = 1",
    "select title::int from tasks",
    "select id::int from tasks",
    "create temp view v as select * from tasks; select * from v",
    "create temp table t as select * from tasks; select * from t",
    "declare c cursor for select * from tasks; fetch all from c",
    "select query_to_xml('select * from tasks', true, false, '')",
    "select table_to_xml('ablo.receipt', true, false, '')",
    "select database_to_xml(true, false, '')",
    # Statistics and the like.
    "select * from pg_stats where schemaname in ('public', 'ablo')",
    "select * from pg_statistic",
    "select * from pg_stat_activity",
    "select * from pg_prepared_xacts",
    "select * from pg_locks where locktype = 'advisory'",
    "select * from pg_stats_ext",
    "select pg_logical_emit_message(true, 'x', 'y')",
    "select * from pg_logical_slot_peek_changes('x', null, null)",
    "select pg_create_logical_replication_slot('x', 'pgoutput', true)",
    "select pg_read_file('PG_VERSION')",
    "select lo_import('/etc/hostname')",
    # Becoming somebody else.
    "set role ablo_owner; select * from tasks",
    "set role postgres; select * from tasks",
    "set role ablo_replication; select * from ablo.delta",
    "set session authorization postgres; select * from tasks",
    "grant ablo_owner to current_user; select * from tasks",
    "alter role current_user bypassrls; select * from tasks",
    # What the kernel keeps to itself.
    "select ablo.commit_run('north', 'agent:a', 'k', '{}', null, null, true)",
    "select ablo.row_stamp('south', 'tasks', 'x')",
    "select * from ablo.premise_stale('south', 'tasks', 'x', '0', null, 9)",
    "select ablo_model.write('tasks', 'delete', 'x', '{}')",
    "select ablo.schema_register('{}', 'x', '[]')",
    "select ablo.receipt_sweep('0 seconds')",
    "select ablo.delta_retain('0 seconds')",
    "select ablo.capture_note('south')",
    "select ablo.raise_error('stale_context', 'x')",
    "select nextval('ablo.sync_id'), setval('ablo.sync_id', 1)",
    "do $$ begin perform ablo_model.lock('tasks', 'x'); end $$",
    # The entry points, for the organization that the session is in.
    "select ablo.status()",
    "select ablo.row_list('north', 'agent:a', 'tasks', '{\"archived\": true}')",
    "select ablo.row_list('north', 'agent:a', 'projects', '{}')",
    "select ablo.row_list('north', 'agent:a', 'ledgers', '{}')",
    "select * from ablo.delta_read('north', 0, 10000)",
    "select ablo.log_head('north')",
    "select ablo.claim_list('north', 'agent:a')",
    "select ablo.claim_list('north', 'agent:a', 'tasks', 'far-t')",
    "select ablo.claim_get('north', 'agent:a', 'clm-far')",
    "select ablo.claim_acquire('north', 'agent:a', 'tasks', 'far-t', '{\"claimId\": \"clm-far\"}')",
    "select ablo.claim_release_row('north', 'agent:a', 'tasks', 'far-t')",
    "select ablo.claim_heartbeat_all('north', 'agent:a', array['clm-far'])",
    "select ablo.claim_sweep('-1 hour')",
    "select ablo.presence_list('north', 'agent:a')",
    # Keys, also by the id of the other's.
    "select ablo.key_list('north', true)",
    "select ablo.key_find('key-far')",
    "select ablo.key_states(array['key-far'])",
    "select ablo.key_get('north', 'key-far')",
    "select ablo.key_get('north', 'key-near', 'key-far')",
    "select ablo.key_revoke('north', 'key-far')",
    "select ablo.key_revoke('north', 'key-near', 'key-far')",
    "select ablo.key_rotate('north', 'key-far', '{}')",
    "select ablo.key_mint('north', 'key-far', '{\"wideScope\": true}')",
    "select ablo.commit('north', 'agent:a', 'k', '{\"operations\": [{}]}', null, 'key-far')",
    "select ablo.row_list('north', 'agent:a', 'tasks', '{}', 'key-far')",
    "select ablo.key_end('key-far', true, null)",
    "select ablo.key_by_id('south', null, 'key-far')",
]
ALL: Final = [*READS, *WRITES, *KERNEL_WRITES, *TRICKS]
