create or replace function ablo.track_judge(
  p_organization text,
  p_participant text,
  p_before bigint,
  p_report boolean,
  out conflicts jsonb,
  out notifications jsonb
)
language plpgsql volatile
as $$
  -- Check a participant's tracks at its commit: changes by others since the baselines, as conflicts (onStale =
  -- reject, until it is registered again) or as notifications (notify, once). The participant's own writes never
  -- count. With a key: tracks registered with a key without more rights than it, by the deltas that it may see.
  -- p_before: newer deltas in the log are this commit's own. p_report: the commit has operations; one that only
  -- registers is neither notified nor refused, and so can always register again.
  -- Called by: ablo.premise_check, under the order lock. Everything was seen up to here, so every baseline may
  -- move up to here; it does if something was reported, and every 500 ids, which bounds how far the next commit
  -- looks back. Rows that another session is removing are skipped: nothing waits here.
declare
  v_head bigint := least(p_before, coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0));
  v_moved record;
  v_about jsonb;
  v_key ablo.key_rights := ablo.key_acting();
begin
  conflicts := '[]';
  for v_moved in
    select coalesce(m.key, t.model) as model, t.target, t.read_at, t.on_stale, d.sync_id, d.actor, d."row", null::jsonb as changed
      from ablo.track t
      left join ablo.model m on m.typename = t.model
     cross join lateral (
       select s.sync_id, s.actor, s."row" from ablo.delta x cross join lateral ablo.delta_seen(v_key, x) s
        where x.organization_id = p_organization and x.model = t.model and x.row_id = t.target
          and x.sync_id > t.read_at and x.sync_id <= v_head and x.actor is distinct from p_participant
          and s.sync_id is not null
        order by x.sync_id desc
        limit 1) d
     where p_report and t.organization_id = p_organization and t.participant = p_participant and t.model <> ''
       and ablo.key_covers(v_key, t.capability_id)
    union all
    select '', g.target, g.read_at, g.on_stale, g.sync_id, g.actor, null, g.changed
      from ablo.track_groups(p_organization, p_participant, v_head, v_key) g
     where p_report
  loop
    v_about := case when v_moved.model = '' then jsonb_build_object('group', v_moved.target)
                    else jsonb_build_object('model', v_moved.model, 'id', v_moved.target) end;
    if v_moved.on_stale = 'reject' then
      conflicts := conflicts || (v_about || jsonb_build_object('readAt', v_moved.read_at, 'observedSyncId', v_moved.sync_id,
        'writtenBy', ablo.actor_json(v_moved.actor), 'tracked', true));
    else
      notifications := coalesce(notifications, '[]') || ablo.stale_notification(
        case when v_moved.model = '' then v_about || jsonb_build_object('scope', 'group', 'changed', v_moved.changed)
             else jsonb_build_object('scope', 'row', 'target', v_about,
               'currentValues', coalesce(v_moved."row"::jsonb, '{}')) end,
        to_jsonb(v_moved.read_at), v_moved.sync_id, v_moved.actor);
    end if;
  end loop;
  if conflicts = '[]' then
    update ablo.track t set read_at = v_head, used_at = clock_timestamp()
     where t.ctid = any (array(
       select x.ctid from ablo.track x
        where x.organization_id = p_organization and x.participant = p_participant
          and ablo.key_covers(v_key, x.capability_id)
          and (x.read_at > v_head
               or p_report and (notifications is not null or x.read_at < v_head - 500
                                or x.used_at < clock_timestamp() - interval '1 day'))
          for no key update skip locked));
  end if;
end
$$;
