-- Keep partitions ready ahead of the sequence: two of 10 million ids each.
-- Called by: install, migrate, and every service's start. ATTACH takes SHARE UPDATE EXCLUSIVE on the
-- log, which stops no reader or writer, and an advisory lock keeps two callers apart.
create or replace function ablo.delta_extend() returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_size constant bigint := 10000000;
  v_first bigint := (select last_value from ablo.sync_id) / v_size;
  v_name text;
  v_made int := 0;
begin
  perform pg_advisory_xact_lock(7001000000000003);
  for v_part in v_first .. v_first + 1 loop
    v_name := 'delta_p' || lpad(v_part::text, 6, '0');
    if to_regclass('ablo.' || v_name) is null then
      execute format('create table ablo.%I (like ablo.delta including defaults including constraints)', v_name);
      execute format('alter table ablo.delta attach partition ablo.%I for values from (%s) to (%s)',
        v_name, v_part * v_size, (v_part + 1) * v_size);
      v_made := v_made + 1;
    end if;
  end loop;
  return v_made;
end
$$;

select ablo.delta_extend();
