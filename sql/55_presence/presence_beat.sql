create or replace function ablo.presence_beat(
  p_organization text, p_participant text, p_session text, p_request jsonb default '{}'
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Record that a session is present, on what, and until when without another heartbeat: {object, ttlMs,
  -- expiresAt}. p_request: {ttl? (60 s), status? ("online"), activity?, meta?}; omitted values stay as they were.
  -- At most 20 sessions per participant: the one not seen for longest is removed.
  -- Called by: clients, at a third of the ttl. Locks: the session's row. Raises: duration_invalid,
  -- invalid_request, request_too_large.
declare
  v_request jsonb := coalesce(nullif(p_request, 'null'), '{}');
  v_ttl interval := ablo.ttl_interval(v_request -> 'ttl');
  v_new boolean;
  v_expires_at timestamptz;
begin
  perform ablo.participant_check(p_organization, p_participant);
  perform ablo.presence_check(p_session, v_request);
  insert into ablo.presence as p (organization_id, participant, session, status, activity, meta, since, seen_at, expires_at)
  values (p_organization, p_participant, p_session, coalesce(v_request ->> 'status', 'online'),
          nullif(v_request -> 'activity', 'null'), nullif(v_request -> 'meta', 'null'),
          clock_timestamp(), clock_timestamp(), clock_timestamp() + v_ttl)
  on conflict (organization_id, participant, session) do update
     set status = coalesce(v_request ->> 'status', p.status),
         activity = case when v_request ? 'activity' then excluded.activity else p.activity end,
         meta = case when v_request ? 'meta' then excluded.meta else p.meta end,
         since = case when p.expires_at <= clock_timestamp() then excluded.since else p.since end,
         seen_at = excluded.seen_at,
         expires_at = excluded.expires_at
  returning p.xmax = 0, p.expires_at into v_new, v_expires_at;
  if v_new then
    perform ablo.presence_sweep(p_organization, p_participant);
  end if;
  return json_build_object('object', 'presence_beat', 'ttlMs', floor(extract(epoch from v_ttl) * 1000)::bigint,
    'expiresAt', ablo.ms(v_expires_at));
end
$$;
