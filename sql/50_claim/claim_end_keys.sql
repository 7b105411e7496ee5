create or replace function ablo.claim_end_keys(p_keys text[]) returns void
language plpgsql volatile
as $$
  -- End every claim and every wait that was made by one of these keys, which have just ended; the next waiters
  -- are granted. An acquire in flight holds its key FOR SHARE until it commits, so the update that ended the key
  -- has waited for it, and the claim is seen here.
  -- Called by: ablo.key_revoke. Locks: the targets, in one order; their claims.
declare
  v_claim ablo.claim;
begin
  for v_claim in
    select * from ablo.claim c
     where c.key_id = any (p_keys) and c.status in ('active', 'queued')
     order by c.organization_id, c.model, c.row_id, c.ticket
  loop
    perform ablo.claim_target_lock(v_claim.organization_id, v_claim.model, v_claim.row_id);
    perform ablo.claim_end(v_claim.organization_id, v_claim.id, 'canceled', null)
      from ablo.claim c
     where c.organization_id = v_claim.organization_id and c.id = v_claim.id and c.status in ('active', 'queued');
    perform ablo.claim_advance(v_claim.organization_id, v_claim.model, v_claim.row_id, null);
  end loop;
end
$$;
