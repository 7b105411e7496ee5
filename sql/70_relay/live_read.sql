create or replace function ablo.live_read(p_organization text, p_participant text, p_groups boolean default false)
returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Who is present and who holds or waits for what, in one snapshot, for a relay that shows it to its clients:
  -- {"claims": [summary + {status, ticket, ttlMs, fenceToken?, readAt?, groups?}],
  --  "present": [{participant, status, activity, meta, since, seenAt}], "now", "nextMs"}.
  -- Claims row by row: holders, then waiters in queue order. p_groups: also the sync groups of each claimed row
  -- and of each row that an activity names, and as "row" that row if its model limits reading.
  -- nextMs: in how many milliseconds, at the earliest, something here expires. At most 5000 of each.
  -- Called by: relays, on a hint of ablo.live_tell and by the clock. Waits for nothing, changes nothing;
  -- reads claim_target_idx and the key of presence.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_claims json;
  v_present json;
  v_next timestamptz;
  v_next_here timestamptz;
begin
  select json_agg(ablo.claim_summary(x) || jsonb_strip_nulls(jsonb_build_object(
           'status', x.status, 'ticket', x.ticket,
           'ttlMs', floor(extract(epoch from x.ttl) * 1000)::bigint,
           'fenceToken', x.fence_token, 'readAt', x.read_at,
           'groups', case when p_groups then to_jsonb(ablo.row_place(p_organization, x.model, x.row_id)) end,
           'row', case when p_groups and not ablo_model.sees(x.model, null, null, null)
             then to_jsonb(coalesce(ablo.row_as_is(x.model, x.row_id), '{}')) end))
           order by x.model, x.row_id, x.status, x.ticket),
         min(x.expires_at)
    into v_claims, v_next
    from (select * from ablo.claim c
           where c.organization_id = p_organization and c.status in ('active', 'queued')
             and c.expires_at > clock_timestamp()
             and not (c.status = 'active' and ablo.claim_row_deleted(c))
           order by c.model, c.row_id, c.status, c.ticket limit 5000) x;
  select json_agg(jsonb_build_object('participant', x.participant, 'status', x.status, 'activity', x.activity,
           'meta', x.meta, 
           'activityRow', case when p_groups then ablo.activity_row(p_organization, x.activity) end,
           'since', ablo.ms(x.since), 'seenAt', ablo.ms(x.seen_at)) order by x.participant),
         min(x.expires_at)
    into v_present, v_next_here
    from (select distinct on (p.participant) p.* from ablo.presence p
           where p.organization_id = p_organization and p.expires_at > clock_timestamp()
           order by p.participant, p.seen_at desc limit 5000) x;
  return ablo.identity_restore(v_found, json_build_object('claims', coalesce(v_claims, '[]'), 'present', coalesce(v_present, '[]'),
    'now', ablo.ms(clock_timestamp()),
    'nextMs', ceil(extract(epoch from least(v_next, v_next_here) - clock_timestamp()) * 1000)::bigint));
end
$$;
