create or replace function ablo.claim_release(
  p_organization text, p_participant text, p_claim_id text, p_capability_id text default null
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Release a claim, or leave the queue; the next waiter is granted in the same transaction. True if there was
  -- one to release.
  -- Called by: clients. Locks: the target's claims, the row.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_claim ablo.claim;
  v_key ablo.key_rights;
  v_done text;
  v_released boolean;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  select * into v_claim from ablo.claim c
   where c.organization_id = p_organization and c.id = p_claim_id and c.participant = p_participant
     and c.status in ('active', 'queued');
  if v_claim.id is null or not ablo.claim_seen(v_key, v_claim) then
    return ablo.identity_restore(v_found, false);
  end if;
  v_done := ablo.claim_target_lock(p_organization, v_claim.model, v_claim.row_id);
  update ablo.claim c
     set status = case c.status when 'active' then 'committed' else 'canceled' end, ended_at = clock_timestamp()
   where c.organization_id = p_organization and c.id = p_claim_id and c.status in ('active', 'queued')
     and c.expires_at > clock_timestamp();
  v_released := found;
  v_done := ablo.claim_advance(p_organization, v_claim.model, v_claim.row_id, null);
  return ablo.identity_restore(v_found, v_released);
end
$$;
