create or replace function ablo.track_put(p_organization text, p_participant text, p_tracks jsonb, p_capability_id text)
returns void
language plpgsql volatile
as $$
  -- Register the tracks of a commit; an existing track gets a new baseline. Without readAt that is the commit's
  -- own place in the log, which ablo.track_judge fills in.
  -- Called by: ablo.commit_run, before the order lock, so that no commit waits behind it for these rows. Raises:
  -- invalid_request, server_execute_unknown_model, quota_exceeded (500 per participant).
declare
  v_track jsonb;
  v_target record;
  v_word text;
begin
  for v_index in 0 .. jsonb_array_length(p_tracks) - 1 loop
    v_track := p_tracks -> v_index;
    v_target := ablo.track_target(p_organization, v_track);
    v_word := ablo.stale_word(coalesce(nullif(v_track ->> 'onStale', 'flag'), 'notify'));
    if v_word not in ('notify', 'reject') then
      perform ablo.raise_error('invalid_request', format('a track cannot be onStale %L', left(v_word, 40)),
        'pass notify or reject', '{"field": "onStale"}');
    end if;
    insert into ablo.track as t (organization_id, participant, model, target, read_at, on_stale, created_at, used_at, capability_id)
    values (p_organization, p_participant, v_target.model, v_target.target,
            case when coalesce(v_track -> 'readAt', 'null') = 'null' then 9223372036854775807
                 else ablo.read_position(v_track -> 'readAt', v_target.target) end,
            v_word, clock_timestamp(), clock_timestamp(), p_capability_id)
        on conflict (organization_id, participant, model, target)
        do update set read_at = excluded.read_at, on_stale = excluded.on_stale, created_at = excluded.created_at,
                      used_at = excluded.used_at, capability_id = excluded.capability_id;
  end loop;
  if (select count(*) from ablo.track t where t.organization_id = p_organization and t.participant = p_participant) > 500 then
    perform ablo.raise_error('quota_exceeded', format('%s would track more than 500 rows and groups', p_participant),
      'untrack some, or track a group instead of many rows', '{"field": "track", "limit": 500}');
  end if;
  perform ablo.track_sweep(10);  -- writers clean up the table
end
$$;
