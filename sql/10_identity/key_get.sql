create or replace function ablo.key_get(p_organization text, p_id text, p_by text default null) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- A key by its id, as ablo.key_json, for a caller that may manage it (ablo.key_managed; p_by: the hash of the
  -- caller's key).
  -- Called by: the command line (p_by null) and the relay, before a rotation: the new key is spelled like the old
  -- one. Raises: capability_not_found and the errors of ablo.key_managed.
begin
  return ablo.key_json(ablo.key_managed(p_organization, p_id, p_by));
end
$$;
