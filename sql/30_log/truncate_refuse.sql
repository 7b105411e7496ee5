create or replace function ablo.truncate_refuse() returns trigger
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Refuse TRUNCATE of a synced table: it fires no row trigger, so subscribers would miss it.
  -- Definer: the login that truncates may not know the kernel.
  -- Called by: zz_ablo_truncate. Raises: truncate_refused.
begin
  perform ablo.raise_error('truncate_refused',
    format('%I.%I is a synced table; TRUNCATE would leave its subscribers with rows that are gone',
      tg_table_schema, tg_table_name),
    format('use DELETE FROM %I.%I, which is captured row by row', tg_table_schema, tg_table_name));
  return null;
end
$$;
