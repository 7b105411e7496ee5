-- The live key with this hash, of this organization. The hash is the proof that the caller was shown the key: no
-- routine gives one out, and the ids that the log and lists show open nothing.
-- Called by: ablo.key_mint, ablo.key_managed. One probe. Locks: none. Raises: what ablo.key_live raises.
create or replace function ablo.key_shown(p_organization text, p_hash text) returns ablo.api_key
language plpgsql volatile
as $$
declare
  v_key ablo.api_key;
begin
  select * into v_key from ablo.api_key k where k.key_hash = p_hash and k.organization_id = p_organization;
  perform ablo.key_live(v_key);
  return v_key;
end
$$;
