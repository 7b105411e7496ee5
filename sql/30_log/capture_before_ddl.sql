create or replace function ablo.capture_before_ddl() returns event_trigger
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Event trigger: a table with pending trigger events cannot be altered, and a deferred capture is one. Changes
  -- of a transaction are therefore captured before it alters something: add a column, fill it and require it, in
  -- one transaction. From there on the transaction holds the order lock. In a trigger (a user's, under a commit)
  -- it leaves the captures pending.
  -- Called by: event trigger ablo_capture_before_ddl. Locks: order locks, if changes are pending.
begin
  if pg_trigger_depth() = 0 then
    perform ablo.capture_now(true);
  end if;
end
$$;

-- Only a superuser can create event triggers (managed services: their administrator). Without one, a
-- transaction must run `set constraints all immediate`; doctor reports it.
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
