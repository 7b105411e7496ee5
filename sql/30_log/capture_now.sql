create or replace function ablo.capture_now(p_again boolean) returns void
language plpgsql volatile
as $$
  -- Capture what the transaction has changed so far: from here on it holds the order lock, and captures run with
  -- each statement. p_again: until they are deferred again. A table that was moved to a schema that ablo_owner may
  -- not use (drift) is skipped: its captures run at the commit.
  -- Called by: ablo.capture_before_ddl, ablo.writer_note. Locks: order locks, if changes are pending.
declare
  v_captures text := (
    select string_agg(distinct format('%I.zz_ablo_capture', n.nspname), ', ')
      from pg_constraint c join pg_namespace n on n.oid = c.connamespace
     where c.conname = 'zz_ablo_capture' and c.condeferrable
       and pg_catalog.has_schema_privilege(n.oid, 'usage'));
begin
  if v_captures is not null then
    execute format('set constraints %s immediate', v_captures);
    if p_again then
      execute format('set constraints %s deferred', v_captures);
    end if;
  end if;
end
$$;
