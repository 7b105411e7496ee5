create or replace function ablo.claim_heartbeat(
  p_organization text, p_participant text, p_claim_id text, p_request jsonb default '{}',
  p_capability_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Renew a lease, or a place in the queue, and return its state: {claimId, status: held | queued, expiresAt,
  -- ttlMs, queueDepth, position?, fenceToken?, recheckMs?}. A waiter whose turn has come is granted here.
  -- p_request: {ttl?, details?}; details become meta.progress.
  -- Called by: clients, at a third of the ttl. Locks: the target's claims. Raises: claim_lost (ended, or another
  -- participant's), claim_not_found, duration_invalid.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_claim ablo.claim;
  v_key ablo.key_rights;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  v_claim := ablo.claim_find(p_organization, p_claim_id, v_key);
  v_claim := ablo.claim_renew(p_organization, p_participant, p_claim_id, p_request);
  if v_claim.id is null then
    perform ablo.claim_lost(p_organization, p_participant, p_claim_id, v_key);
  end if;
  return ablo.identity_restore(v_found, jsonb_strip_nulls(jsonb_build_object(
    'object', 'claim_heartbeat',
    'claimId', v_claim.id,
    'status', case v_claim.status when 'active' then 'held' else 'queued' end,
    'expiresAt', ablo.ms(v_claim.expires_at),
    'ttlMs', floor(extract(epoch from v_claim.ttl) * 1000)::bigint,
    'fenceToken', v_claim.fence_token,
    'queueDepth', (select count(*) from ablo.claim c
                    where c.organization_id = p_organization and c.model = v_claim.model and c.row_id = v_claim.row_id
                      and c.status = 'queued' and c.expires_at > clock_timestamp()),
    'position', case when v_claim.status = 'queued' then ablo.claim_position(v_claim) end,
    'recheckMs', case when v_claim.status = 'queued'
      then ablo.claim_recheck(v_claim, coalesce(ablo.claim_blockers(v_claim), '[]')) end))::json);
end
$$;
