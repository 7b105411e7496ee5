create or replace function ablo.claim_grant(p_claim ablo.claim, p_caller text) returns boolean
language plpgsql volatile
as $$
  -- Grant a claim: lock the row and record its stamp in the same transaction, so that the holder never gets a
  -- stale row; raise the target's fencing token; start the lease now. Returns false, and grants nothing, while a
  -- writer has the row.
  -- Called by: ablo.claim_advance. Locks: the row, see ablo.claim_token.
declare
  v_token bigint := ablo.claim_token(p_claim.organization_id, p_claim.model, p_claim.row_id);
  v_now timestamptz := clock_timestamp();
  v_done text;
begin
  if v_token is null then
    return false;
  end if;
  update ablo.claim c
     set status = 'active', fence_token = v_token, granted_at = v_now, expires_at = v_now + c.ttl,
         read_at = ablo.row_stamp(p_claim.organization_id, p_claim.model, p_claim.row_id)
   where c.organization_id = p_claim.organization_id and c.id = p_claim.id;
  v_done := ablo.claim_wake(p_claim.id, p_caller);
  return true;
end
$$;
