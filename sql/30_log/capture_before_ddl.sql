-- Event trigger: a table with pending trigger events cannot be altered, and a deferred capture is one.
-- So what a transaction has changed is captured before it alters something: add a column, fill it and
-- require it, in one transaction. From there on the transaction holds the order lock.
-- In a trigger (a user's, under a commit) it leaves the captures where they are.
-- Called by: event trigger ablo_capture_before_ddl. Locks: order locks, where changes are pending.
create or replace function ablo.capture_before_ddl() returns event_trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_captures text := (
    select string_agg(distinct format('%I.zz_ablo_capture', n.nspname), ', ')
      from pg_constraint c join pg_namespace n on n.oid = c.connamespace
     where c.conname = 'zz_ablo_capture' and c.condeferrable);
begin
  if v_captures is not null and pg_trigger_depth() = 0 then
    execute format('set constraints %s immediate', v_captures);
    execute format('set constraints %s deferred', v_captures);
  end if;
end
$$;

-- Only a superuser makes event triggers (managed services: their administrator). Without one, a
-- transaction says `set constraints all immediate` itself; doctor tells.
reset role;
do $event$
begin
  if not exists (select from pg_catalog.pg_event_trigger where evtname = 'ablo_capture_before_ddl') then
    create event trigger ablo_capture_before_ddl on ddl_command_start
      when tag in ('ALTER TABLE', 'ALTER TYPE', 'CREATE INDEX', 'DROP INDEX', 'DROP TABLE', 'DROP TYPE')
      execute function ablo.capture_before_ddl();
  end if;
exception when insufficient_privilege then
  null;
end
$event$;
set local role ablo_owner;
