create or replace function ablo.column_type(p_table regclass, p_column text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- What a column of a table is, in words that change when another migration changes it: its type, and whether
  -- its writer can choose the value. Null: there is no such column.
  -- Called by: ablo.schema_register, which records it; ablo.drift_check, which compares. Locks: none.
  select format_type(a.atttypid, null)
         || case when a.attgenerated <> '' then ' generated' when a.attidentity = 'a' then ' generated as identity' else '' end
    from pg_attribute a
   where a.attrelid = p_table and a.attname = p_column and a.attnum > 0 and not a.attisdropped
$$;
