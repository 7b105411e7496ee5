create or replace function ablo.premise_stale(
  p_organization text,
  p_model text,
  p_row_id text,
  p_read_at jsonb,
  p_fields jsonb,
  p_before bigint,
  p_holder text default null,
  p_since bigint default null,
  out sync_id bigint,
  out actor text,
  out "row" json
)
language plpgsql stable
as $$
  -- The newest delta that breaks a premise about one row, or nothing. p_fields: only a change of one of them
  -- counts (an insert or delete always does). p_before: newer deltas are the commit's own. p_holder, p_since:
  -- writes of that participant after that position do not count (it holds a claim). One probe: of delta_row_idx,
  -- or, if the planner finds that shorter, of the organization's deltas since the read, back from the newest by
  -- primary key. Only what the key and its participant may see counts (ablo.delta_seen).
  -- A premise that may have to pass over changes, of other fields or that the key may not see, passes over at
  -- most ablo.walk_limit() of them.
  -- Called by: ablo.premise_check, ablo.operation_notification. Exact under the order lock, or under the row's
  -- own lock. Raises: invalid_request for a read position that was never issued, unknown_field, stale_context (too
  -- many changes ago to be checked).
declare
  v_read_at bigint := ablo.read_position(p_read_at, p_model);
  v_fields text[] := case when p_fields is not null then ablo.premise_fields(p_model, p_fields) end;
  v_dropped bigint;
  v_key ablo.key_rights := ablo.key_acting();
  v_start bigint := v_read_at;
  v_open boolean := ablo_model.sees(p_model, null, null, null);
begin
  if (v_fields is not null or v_key.sync_groups is not null or not v_open) and p_holder is null
    and least(p_before, pg_sequence_last_value('ablo.sync_id'::regclass)) - v_read_at > ablo.walk_limit()
  then
    v_start := coalesce((
      select x.sync_id from ablo.delta x
       where x.organization_id = p_organization and x.model = p_model and x.row_id = p_row_id
         and x.sync_id > v_read_at and x.sync_id <= p_before
       order by x.sync_id desc
       offset ablo.walk_limit() limit 1), v_read_at);
  end if;
  select s.dropped_through, d.sync_id, d.actor, d."row" into v_dropped, sync_id, actor, "row"
    from ablo.log_state s
    left join lateral (
      select x.sync_id, x.actor, case when v_key.id is null and v_open then x."row" else (ablo.delta_seen(v_key, x))."row" end as "row"
        from ablo.delta x
       where x.organization_id = p_organization and x.model = p_model and x.row_id = p_row_id
         and x.sync_id > v_start and x.sync_id <= p_before
         and (v_fields is null or x.changed is null or x.changed && v_fields)
         and (p_holder is null or x.actor <> p_holder or x.sync_id <= p_since)
         and (v_key.id is null and v_open or (ablo.delta_seen(v_key, x)).sync_id is not null)
       order by x.sync_id desc
       limit 1) d on true
   where s.singleton;
  if v_read_at < v_dropped then
    perform ablo.read_too_old(v_read_at, p_model);
  elsif sync_id is null and v_start > v_read_at then
    perform ablo.raise_error('stale_context',
      format('%s %s was read at %s, more than %s of its changes ago', p_model, p_row_id, v_read_at, ablo.walk_limit()),
      'read it again and decide again', jsonb_build_object('model', p_model, 'id', p_row_id, 'readAt', v_read_at));
  end if;
end
$$;
