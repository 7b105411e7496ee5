create or replace function ablo.kernel_record(p_path text, p_checksum text) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Record one installed file and its SHA-256; an unchanged one keeps its row. Called by: the install script.
  insert into ablo.kernel_file as f (path, checksum) values (p_path, p_checksum)
  on conflict (path) do update set checksum = excluded.checksum, applied_at = now()
  where f.checksum is distinct from excluded.checksum
$$;
