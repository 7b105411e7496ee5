create or replace function ablo.kernel_migrate(p_path text, p_checksum text, p_sql text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Apply one numbered migration once. On an empty database it is only recorded: the other files are the current
  -- whole. An applied migration must never change afterwards.
  -- Called by: the install script, before the folders after 00_base. EXECUTE: the text is our own file. Raises:
  -- kernel_checksum_mismatch (AB503).
declare
  v_known text;
  v_fresh boolean;
begin
  select f.checksum into v_known from ablo.kernel_file f where f.path = p_path;
  if v_known = p_checksum then
    return false;
  elsif v_known is not null then
    perform ablo.raise_error(
      'kernel_checksum_mismatch',
      pg_catalog.format('migration %s was applied with different content', p_path),
      'restore the released file: a released migration never changes',
      pg_catalog.jsonb_build_object('path', p_path, 'applied', v_known, 'own', p_checksum));
  end if;
  v_fresh := not exists (select from ablo.kernel_version);
  if not v_fresh then
    execute p_sql;
  end if;
  insert into ablo.kernel_file (path, checksum) values (p_path, p_checksum);
  return not v_fresh;
end
$$;
