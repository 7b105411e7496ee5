-- Renew a lease, or a place in line: {claim, "queueDepth"}. p_request: {ttl?, details?}; details become
-- meta.progress. A waiter learns here that it was granted. Called by: clients, at a third of the ttl.
-- Locks: the target's claims. Raises: claim_lost (ended, or another participant's), claim_not_found.
create or replace function ablo.claim_heartbeat(
  p_organization text, p_participant text, p_claim_id text, p_request jsonb default '{}'
) returns json
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_claim ablo.claim;
begin
  perform ablo.identity_set(p_organization, p_participant);
  v_claim := ablo.claim_find(p_organization, p_claim_id);
  if v_claim.participant <> p_participant or v_claim.status not in ('active', 'queued') then
    perform ablo.claim_lost(v_claim, p_participant);
  end if;
  update ablo.claim c
     set ttl = case when p_request ? 'ttl' then ablo.ttl_interval(p_request -> 'ttl') else c.ttl end,
         expires_at = clock_timestamp() + case when p_request ? 'ttl' then ablo.ttl_interval(p_request -> 'ttl') else c.ttl end,
         meta = case when p_request ? 'details' then coalesce(c.meta, '{}') || jsonb_build_object('progress', p_request -> 'details') else c.meta end
   where c.organization_id = p_organization and c.id = p_claim_id
  returning * into v_claim;
  return ablo.claim_json(v_claim) || jsonb_build_object('queueDepth', (
    select count(*) from ablo.claim c
     where c.organization_id = p_organization and c.model = v_claim.model and c.row_id = v_claim.row_id
       and c.status = 'queued'));
end
$$;
