-- One claim as it stands now; its grant, if its turn has come, happens here. Ended ones are readable
-- for some minutes. Called by: clients that wait. Locks: the target's claims. Raises: claim_not_found.
create or replace function ablo.claim_get(p_organization text, p_participant text, p_claim_id text) returns json
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  perform ablo.identity_set(p_organization, p_participant);
  return ablo.claim_answer(ablo.claim_find(p_organization, p_claim_id));
end
$$;
