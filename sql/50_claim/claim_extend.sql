-- Start a live claim's lease, or a waiter's slot, anew and answer it.
-- Called by: acquire and heartbeat. Locks: the claim; the target is locked by the caller.
create or replace function ablo.claim_extend(p_claim ablo.claim, p_ttl interval) returns json
language plpgsql volatile
as $$
declare
  v_claim ablo.claim;
begin
  update ablo.claim c set ttl = coalesce(p_ttl, c.ttl), expires_at = clock_timestamp() + coalesce(p_ttl, c.ttl)
   where c.organization_id = p_claim.organization_id and c.id = p_claim.id
  returning * into v_claim;
  return ablo.claim_answer(v_claim);
end
$$;
