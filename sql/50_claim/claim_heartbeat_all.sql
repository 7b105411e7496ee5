create or replace function ablo.claim_heartbeat_all(
  p_organization text, p_participant text, p_claim_ids text[] default null, p_ttl jsonb default null,
  p_capability_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Renew every live lease and place in a queue of a participant, or those of p_claim_ids: [{claimId, status:
  -- held | queued | lost, expiresAt?, ttlMs?}], by id. One call per heartbeat for a process that holds many. Grants
  -- nothing: waiters ask for that.
  -- Called by: clients, the relay at a socket's ping. Locks: the claims, target by target, in queue order.
  -- Raises: duration_invalid.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_ttl interval := case when nullif(p_ttl, 'null') is not null then ablo.ttl_interval(p_ttl) end;
  v_results jsonb;
  v_key ablo.key_rights;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  perform from ablo.claim c
    where c.organization_id = p_organization and c.participant = p_participant and c.status in ('active', 'queued')
      and (p_claim_ids is null or c.id = any (p_claim_ids))
    order by c.model, c.row_id, c.status, c.ticket for no key update;
  with beaten as (
    update ablo.claim c
       set ttl = coalesce(v_ttl, c.ttl), expires_at = clock_timestamp() + coalesce(v_ttl, c.ttl)
     where c.organization_id = p_organization and c.participant = p_participant and c.status in ('active', 'queued')
       and (p_claim_ids is null or c.id = any (p_claim_ids))
       and c.expires_at > clock_timestamp()
       and not (c.status = 'active' and ablo.claim_row_deleted(c)) and ablo.claim_seen(v_key, c)
    returning c.id, c.status, c.expires_at, c.ttl)
  select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
           'claimId', coalesce(b.id, w.id),
           'status', case b.status when 'active' then 'held' when 'queued' then 'queued' else 'lost' end,
           'expiresAt', ablo.ms(b.expires_at),
           'ttlMs', floor(extract(epoch from b.ttl) * 1000)::bigint)) order by coalesce(b.id, w.id))
    into v_results
    from beaten b full join unnest(p_claim_ids) w (id) on w.id = b.id;
  return ablo.identity_restore(v_found, coalesce(v_results, '[]')::json);
end
$$;
