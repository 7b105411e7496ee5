create or replace function ablo.receipt_get(
  p_organization text, p_participant text, p_key text, p_capability_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The receipt of the commit that landed under a participant's idempotency key, or null: there is none, or it is
  -- older than receipts are kept, or was made with a key that has more rights than this one.
  -- Called by: clients, before they compute a request again for a key with an unknown outcome. Locks: none.
  -- Raises: identity_missing_organization, invalid_participant_kind.
declare
  v_key ablo.key_rights;
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  return (select r.response from ablo.receipt r
           where r.organization_id = p_organization and r.participant = p_participant and r.key = p_key
             and ablo.key_covers(v_key, r.capability_id));
end
$$;
