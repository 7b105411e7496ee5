-- Renew every live claim and place in line of a participant: [{claimId, status, expiresAt}]; those in
-- p_claim_ids that are no longer live come back as lost. One call a beat for a process with many.
-- Called by: clients, the relay at a socket's ping. Locks: the claims, in the order of their ids.
create or replace function ablo.claim_heartbeat_all(
  p_organization text, p_participant text, p_claim_ids text[] default null, p_ttl jsonb default null
) returns json
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_live jsonb;
begin
  perform ablo.identity_set(p_organization, p_participant);
  perform from ablo.claim c
    where c.organization_id = p_organization and c.participant = p_participant and c.status in ('active', 'queued')
      and (p_claim_ids is null or c.id = any (p_claim_ids))
    order by c.id for update;
  with beaten as (
    update ablo.claim c
       set ttl = case when p_ttl is null then c.ttl else ablo.ttl_interval(p_ttl) end,
           expires_at = clock_timestamp() + case when p_ttl is null then c.ttl else ablo.ttl_interval(p_ttl) end
     where c.organization_id = p_organization and c.participant = p_participant and c.status in ('active', 'queued')
       and c.expires_at > clock_timestamp()
       and (p_claim_ids is null or c.id = any (p_claim_ids))
    returning c.id, c.status, c.expires_at)
  select coalesce(jsonb_agg(jsonb_build_object('claimId', b.id, 'status', case b.status when 'active' then 'held' else 'queued' end,
           'expiresAt', floor(extract(epoch from b.expires_at) * 1000)::bigint)), '[]')
    into v_live from beaten b;
  return v_live || coalesce((
    select jsonb_agg(jsonb_build_object('claimId', i, 'status', 'lost'))
      from unnest(p_claim_ids) i
     where not v_live @> jsonb_build_array(jsonb_build_object('claimId', i))), '[]');
end
$$;
