create or replace function ablo.key_shown(p_organization text, p_hash text) returns ablo.api_key
language plpgsql volatile
as $$
  -- The live key with this hash, of this organization. The hash proves that the caller has the key: no routine
  -- returns one, and the ids in the log and lists prove nothing.
  -- Called by: ablo.key_mint, ablo.key_managed. One probe. Locks: none. Raises: the errors of ablo.key_live.
declare
  v_key ablo.api_key;
begin
  select * into v_key from ablo.api_key k where k.key_hash = p_hash and k.organization_id = p_organization;
  perform ablo.key_live(v_key);
  return v_key;
end
$$;
