-- A key by its id, as ablo.key_json says, for whoever manages it (ablo.key_managed; p_by: the hash of their key).
-- Called by: the command line (p_by null) and the relay, before a rotation: the new key is spelt as the old.
-- Raises: capability_not_found and what ablo.key_managed raises.
create or replace function ablo.key_get(p_organization text, p_id text, p_by text default null) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return ablo.key_json(ablo.key_managed(p_organization, p_id, p_by));
end
$$;
