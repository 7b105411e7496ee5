create or replace function ablo.claim_events(
  p_organization text, p_participant text, p_after bigint, p_log bigint, p_limit int,
  p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Claim events after a position: {"events": [{seq, at, claimId, model (key), rowId, fields?, participant,
  -- onBehalfOf?, capabilityId?, description, status, expiresAt (ms), fenceToken?}], "after", "more"}. p_after: a
  -- position, that is, a transaction; 0: from the time at which the log was at p_log. "after" is the position to
  -- continue from; all events of a transaction come at once. p_limit 0: only that position, before the first.
  -- p_capability_id: only those that this key may know of.
  -- Called by: relays, for the feed. Waits for nothing, changes nothing; reads the primary key.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
  v_after xid8 := greatest(p_after, 0)::text::xid8;
  v_limit int := least(greatest(p_limit, 0), 5000);
  v_last xid8;
  v_since timestamptz;
  v_events json;
  v_key ablo.key_rights;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  if v_after = '0' then
    select d.created_at into v_since from ablo.delta d
     where d.organization_id = p_organization and d.sync_id = p_log;
  end if;
  if v_limit = 0 then
    select e.xid into v_last from ablo.claim_event e
     where e.organization_id = p_organization and e.xid > v_after and e.xid < v_horizon
       and (v_since is null or e.at >= v_since)
     order by e.xid limit 1;
    return ablo.identity_restore(v_found, json_build_object('events', json_build_array(), 'more', v_last is not null,
      'after', coalesce(v_last, v_horizon)::text::bigint - 1));
  end if;
  select e.xid into v_last from ablo.claim_event e
   where e.organization_id = p_organization and e.xid > v_after and e.xid < v_horizon
     and (v_since is null or e.at >= v_since)
   order by e.xid, e.seq offset v_limit - 1 limit 1;
  select json_agg(json_strip_nulls(json_build_object(
           'seq', e.seq, 'at', e.at, 'claimId', e.claim_id, 'model', m.key, 'rowId', e.row_id, 'fields', e.fields,
           'participant', e.participant, 'onBehalfOf', e.on_behalf_of, 'capabilityId', e.capability_id,
           'description', e.description, 'status', e.status, 'expiresAt', ablo.ms(e.expires_at),
           'fenceToken', e.fence_token))
           order by e.xid, e.seq)
    into v_events
    from ablo.claim_event e left join ablo.model m on m.typename = e.model
   where e.organization_id = p_organization and e.xid > v_after and e.xid < v_horizon
     and (v_since is null or e.at >= v_since) and (v_last is null or e.xid <= v_last)
     and (e.participant = p_participant and e.capability_id is not distinct from v_key.id or ablo.claim_event_seen(v_key, e));
  return ablo.identity_restore(v_found, json_build_object('events', coalesce(v_events, '[]'), 'more', v_last is not null,
    'after', coalesce(v_last::text::bigint, v_horizon::text::bigint - 1)));
end
$$;
