create or replace function ablo.control_separated() returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Whether this database has a control login: then the runtime role cannot create keys. Roles belong to the
  -- cluster, so the right on this database's routine decides.
  -- Called by: grants.sql, `ablo-pg doctor`.
begin
  return to_regrole('ablo_control') is not null
    and has_function_privilege('ablo_control', 'ablo.key_create(text, text, jsonb)', 'execute');
end
$$;
