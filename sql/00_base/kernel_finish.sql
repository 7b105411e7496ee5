create or replace function ablo.kernel_finish(p_paths text[]) returns int
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Close an install: record the version, remove files that are no longer part of the kernel.
  -- Called by: the install script, last. Locks: none beyond the install lock.
declare
  v_own int := pg_catalog.current_setting('ablo.kernel_installing')::int;
begin
  delete from ablo.kernel_file f where f.path <> all (p_paths);
  insert into ablo.kernel_version (version) values (v_own) on conflict do nothing;
  return v_own;
end
$$;
