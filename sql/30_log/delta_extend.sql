create or replace function ablo.delta_extend() returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Keep a partition ready ahead of the sequence; each holds ablo.partition_ids(). Rows that went into the default
  -- partition, because this was not called in time, move into their own.
  -- Called by: install, migrate, every service as it opens connections. Locks: an advisory lock keeps two callers
  -- apart; ATTACH takes SHARE UPDATE EXCLUSIVE on the log, which stops no reader or writer, and ACCESS EXCLUSIVE
  -- on the default partition, which is empty or about to be.
declare
  v_size constant bigint := ablo.partition_ids();
  v_last constant bigint := coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
  v_name text;
  v_made int := 0;
begin
  perform set_config('search_path', ablo.table_path(null), true);  -- for event triggers of the user's
  perform pg_advisory_xact_lock(ablo.extend_key());
  -- The next one is created when half of this one is used: an empty partition costs each probe a little.
  for v_part in (select least(v_last, min(sync_id)) / v_size from ablo.delta_default) .. (v_last + v_size / 2) / v_size loop
    v_name := 'delta_p' || lpad(v_part::text, 6, '0');
    if to_regclass('ablo.' || v_name) is null and (v_part + 1) * v_size > (select dropped_through from ablo.log_state) then
      execute format('create table ablo.%I (like ablo.delta including defaults including constraints)', v_name);
      lock table ablo.delta_default in access exclusive mode;
      execute format('insert into ablo.%I select * from ablo.delta_default where sync_id between %s and %s',
        v_name, v_part * v_size, (v_part + 1) * v_size - 1);
      delete from ablo.delta_default where sync_id between v_part * v_size and (v_part + 1) * v_size - 1;
      execute format('alter table ablo.delta attach partition ablo.%I for values from (%s) to (%s)',
        v_name, v_part * v_size, (v_part + 1) * v_size);
      v_made := v_made + 1;
    end if;
  end loop;
  return v_made;
end
$$;

select ablo.delta_extend();
