-- The receipt of the commit that landed under a participant's idempotency key, or null: none has, or
-- it is older than receipts are kept.
-- Called by: clients, before they compute a request anew for a key whose outcome they do not know.
-- Locks: none. Raises: identity_missing_organization, invalid_participant_kind.
create or replace function ablo.receipt_get(p_organization text, p_participant text, p_key text) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform ablo.identity_set(p_organization, p_participant);
  return (select r.response from ablo.receipt r
           where r.organization_id = p_organization and r.participant = p_participant and r.key = p_key);
end
$$;
