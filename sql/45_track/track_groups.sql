create or replace function ablo.track_groups(
  p_organization text, p_participant text, p_head bigint, p_key ablo.key_rights
) returns table (target text, read_at bigint, on_stale text, sync_id bigint, actor text, changed jsonb)
language plpgsql volatile
as $$
  -- The tracked groups that others have changed since their baselines, each with its newest delta.
  -- Called by: ablo.track_judge, under the order lock. One walk over the organization's deltas since the oldest
  -- of those baselines, by primary key, at most ablo.walk_limit() of them: a group whose baseline is older counts
  -- as changed. p_key: as in ablo.track_judge.
declare
  v_oldest bigint := (select min(t.read_at) from ablo.track t
                       where t.organization_id = p_organization and t.participant = p_participant and t.model = ''
                         and ablo.key_covers(p_key, t.capability_id));
  v_start bigint := ablo.walk_start(p_organization, v_oldest, p_head);
begin
  if v_oldest is null then
    return;
  end if;
  return query
    with walk as materialized (  -- once, and not for each track
      select d.sync_id, d.actor, d.model, d.row_id, u.name
        from ablo.delta d
       cross join lateral unnest(d.groups || d.left_groups) u (name)
       where d.organization_id = p_organization and d.sync_id > v_start and d.sync_id <= p_head
         and d.actor is distinct from p_participant and ablo.key_may(p_key, d.model, 'read')
         and (ablo_model.sees(d.model, null, null, null) or (ablo.delta_seen(p_key, d)).sync_id is not null)
    ), moved as (
      select w.name, max(w.sync_id) as sync_id, (array_agg(w.actor order by w.sync_id desc))[1] as actor,
             ablo.changed_json(array_agg(distinct array[w.model, w.row_id])) as changed
        from walk w
        join ablo.track t
          on t.organization_id = p_organization and t.participant = p_participant and t.model = '' and t.target = w.name
         and ablo.key_covers(p_key, t.capability_id)
         and w.sync_id > t.read_at
       group by w.name
    )
    select t.target, t.read_at, t.on_stale, coalesce(m.sync_id, v_start),
           case when m.sync_id is not null then m.actor
                else (select d.actor from ablo.delta d where d.organization_id = p_organization and d.sync_id = v_start) end,
           coalesce(m.changed, '{"count": 0, "sample": [], "truncated": true}')
      from ablo.track t
      left join moved m on m.name = t.target
     where t.organization_id = p_organization and t.participant = p_participant and t.model = ''
       and ablo.key_covers(p_key, t.capability_id) and (m.sync_id is not null or t.read_at < v_start);
end
$$;
