create or replace function ablo.group_stale(
  p_organization text,
  p_group text,
  p_read_at jsonb,
  p_before bigint,
  p_changes boolean,
  out sync_id bigint,
  out actor text,
  out changed jsonb
)
language plpgsql volatile
as $$
  -- The newest delta of a sync group since a read, or nothing; p_changes: also which rows have changed.
  -- Called by: ablo.read_stale, under the order lock. Walks back from the newest by primary key, at most
  -- ablo.walk_limit() deltas. A row that has left the group counts. For a commit with a key, changes of models
  -- that it may read count, and of them what its participant may see. Raises: invalid_request, stale_context.
declare
  v_read_at bigint := ablo.read_position(p_read_at, p_group);
  v_key ablo.key_rights := ablo.key_acting();
  v_group text := case when p_group = 'default' then 'org:' || p_organization else p_group end;
begin
  perform ablo.walk_check(p_organization, v_read_at, p_before, p_group);
  select d.sync_id, d.actor into sync_id, actor from ablo.delta d
   where d.organization_id = p_organization and d.sync_id > v_read_at and d.sync_id <= p_before
     and (d.groups @> array[v_group] or d.left_groups @> array[v_group]) and ablo.key_may(v_key, d.model, 'read')
     and (ablo_model.sees(d.model, null, null, null) or (ablo.delta_seen(v_key, d)).sync_id is not null)
   order by d.sync_id desc
   limit 1;
  if sync_id is not null and p_changes then
    select ablo.changed_json(array_agg(distinct array[d.model, d.row_id])) into changed from ablo.delta d
     where d.organization_id = p_organization and d.sync_id > v_read_at and d.sync_id <= p_before
       and (d.groups @> array[v_group] or d.left_groups @> array[v_group]) and ablo.key_may(v_key, d.model, 'read')
     and (ablo_model.sees(d.model, null, null, null) or (ablo.delta_seen(v_key, d)).sync_id is not null);
  end if;
end
$$;
