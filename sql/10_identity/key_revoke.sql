create or replace function ablo.key_revoke(p_organization text, p_id text, p_by text default null) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- End a key and every key derived from it, by minting or rotation, at once, and the claims that were made with
  -- them: {"id", "revoked": [ids]}. Ending it again is not an error. p_by: the hash of the caller's key.
  -- Called by: the command line (p_by null), the relay. Locks: the keys, parents before children; the targets of
  -- their claims. Raises: capability_not_found and the errors of ablo.key_managed. Sends: NOTIFY ablo_key.
declare
  v_key ablo.api_key := ablo.key_managed(p_organization, p_id, p_by);
  v_ended text[] := ablo.key_end(v_key.id, true, null);
begin
  perform ablo.claim_end_keys(v_ended);
  return json_build_object('id', v_key.id, 'revoked', v_ended);
end
$$;
