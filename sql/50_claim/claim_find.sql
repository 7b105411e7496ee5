create or replace function ablo.claim_find(p_organization text, p_claim_id text, p_key ablo.key_rights default null)
returns ablo.claim
language plpgsql volatile
as $$
  -- A claim of the caller's organization by id, with its target locked and updated while it lives. One that the
  -- key may not know of does not exist.
  -- Called by: heartbeat, get, release, break. Locks: the target's claims. Raises: claim_not_found.
declare
  v_claim ablo.claim;
begin
  select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = p_claim_id;
  if v_claim.id is null or not ablo.claim_seen(p_key, v_claim) then
    perform ablo.raise_error('claim_not_found', format('there is no claim %s', quote_nullable(left(p_claim_id, 80))),
      'claim the row again; an ended claim is deleted after some minutes',
      jsonb_build_object('claimId', left(p_claim_id, 80)));
  end if;
  if v_claim.status in ('active', 'queued') then
    perform ablo.claim_target_lock(p_organization, v_claim.model, v_claim.row_id);
    perform ablo.claim_advance(p_organization, v_claim.model, v_claim.row_id, p_claim_id);
    select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = p_claim_id;
    -- The queue is advanced only as far as waiters can be granted: this one may be further back.
    if v_claim.status = 'queued' and v_claim.expires_at <= clock_timestamp() then
      perform ablo.claim_end(p_organization, p_claim_id, 'expired', p_claim_id);
      select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = p_claim_id;
    end if;
  end if;
  return v_claim;
end
$$;
