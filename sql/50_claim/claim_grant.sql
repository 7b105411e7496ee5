create or replace function ablo.claim_grant(p_claim ablo.claim, p_caller text) returns boolean
language plpgsql volatile
as $$
  -- Grant a claim: lock the row and record its stamp in the same transaction, so that the holder never gets a
  -- stale row; raise the target's fencing token; start the lease now. Returns false, and grants nothing, while a
  -- writer has the row.
  -- Called by: ablo.claim_advance. Locks: the row, with a brief wait; the target is locked by the caller. A write
  -- that passed its guard before this holds the row until it has landed; a later one finds the claim when it has
  -- the row.
declare
  v_token bigint;
  v_now timestamptz;
begin
  if not ablo.row_try_lock(p_claim.organization_id, p_claim.model, p_claim.row_id, '100ms') then
    return false;
  end if;
  update ablo.claim_target t set fence_token = nextval('ablo.fence_token')
   where t.organization_id = p_claim.organization_id and t.model = p_claim.model and t.row_id = p_claim.row_id
  returning t.fence_token into v_token;
  v_now := clock_timestamp();
  update ablo.claim c
     set status = 'active', fence_token = v_token, granted_at = v_now, expires_at = v_now + c.ttl,
         read_at = ablo.row_stamp(p_claim.organization_id, p_claim.model, p_claim.row_id)
   where c.organization_id = p_claim.organization_id and c.id = p_claim.id;
  perform ablo.claim_wake(p_claim.id, p_caller);
  return true;
end
$$;
