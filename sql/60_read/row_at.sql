create or replace function ablo.row_at(
  p_organization text, p_participant text, p_model text, p_id text, p_at bigint, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- A row as of a position of its organization's log: {"row": {...} | null, "stamp": n}. The stamp is the id of
  -- the delta that produced it: as a premise it means "unchanged since then". If no delta up to there is kept,
  -- later ones decide: if it was created later, it did not exist; if there is no change at all since, it was as
  -- it is now. Neither holds before the model's changes were captured, nor for a row whose earlier deltas are
  -- dropped: then the answer is an error, not a guess. What a key may not see reads as if it never existed, and a
  -- row that has left its groups as deleted.
  -- Called by: clients. STABLE: one snapshot. Locks: none. One or two probes of delta_row_idx. Raises:
  -- invalid_request, cursor_ahead (beyond what is visible), snapshot_required, and those of row_get.
declare
  v_model ablo.model := ablo.read_model(p_model);
  v_head bigint := ablo.log_head(p_organization);
  v_dropped bigint := (select s.dropped_through from ablo.log_state s);
  v_key ablo.key_rights := ablo.key_check_read(p_organization, p_participant, p_capability_id, v_model.typename);
  v_captured boolean;
  v_delta record;  -- as the key may see it; seen: it is for the key at all
begin
  perform ablo.participant_check(p_organization, p_participant);
  p_id := ablo.row_id(v_model.id_type, p_id);
  if p_at is null or p_at < 0 then
    perform ablo.raise_error('invalid_request', format('%s is not a position of the log', coalesce(p_at::text, 'NULL')),
      'pass a sync id', '{"field": "at"}');
  elsif p_at < v_dropped then
    perform ablo.raise_error('snapshot_required', format('position %s is older than the log, which is kept after %s', p_at, v_dropped),
      'ask for a later position', jsonb_build_object('field', 'at', 'at', p_at, 'keptAfter', v_dropped));
  elsif p_at > v_head then
    perform ablo.raise_error('cursor_ahead', format('position %s is ahead of the log, which ends at %s', p_at, v_head),
      'a position that a stream has just delivered is visible a moment later; others come from elsewhere',
      jsonb_build_object('field', 'at', 'at', p_at, 'head', v_head));
  end if;

  select d.sync_id, d.op, s."row", s.sync_id is not null as seen into v_delta
    from ablo.delta d cross join lateral ablo.delta_seen(v_key, d) s
   where d.organization_id = p_organization and d.model = v_model.typename
     and (d.row_id, d.sync_id) > (p_id, 0) and (d.row_id, d.sync_id) <= (p_id, p_at)
   order by d.row_id desc, d.sync_id desc
   limit 1;
  if v_delta.seen then
    return json_build_object('row', v_delta."row", 'stamp', v_delta.sync_id);
  end if;

  v_captured := p_at >= (select a.sync_id from ablo.model_adopted a where a.typename = v_model.typename);
  if v_delta.seen is null then
    select d.sync_id, d.op, s.sync_id is not null as seen into v_delta
      from ablo.delta d cross join lateral ablo.delta_seen(v_key, d) s
     where d.organization_id = p_organization and d.model = v_model.typename
       and (d.row_id, d.sync_id) > (p_id, p_at) and (d.row_id, d.sync_id) <= (p_id, 9223372036854775807)
     order by d.row_id, d.sync_id
     limit 1;
  end if;
  if v_delta.seen is not true and (v_captured or p_at = v_head) then
    return case when v_delta.sync_id is null then ablo.row_get(p_organization, p_participant, p_model, p_id, p_capability_id)
      else json_build_object('row', null, 'stamp', v_head) end;
  elsif v_captured and v_delta.op = 'I' then
    return json_build_object('row', null, 'stamp', p_at);
  end if;
  perform ablo.raise_error('snapshot_required',
    format('the state of %s %s at %s is unknown: the log keeps no change of it up to there', v_model.key, p_id, p_at),
    'ask for a position from which on it is known: details.knownFrom',
    jsonb_build_object('field', 'at', 'model', v_model.key, 'id', p_id, 'at', p_at,
      'knownFrom', case when v_delta.seen then v_delta.sync_id else v_head end, 'keptAfter', v_dropped));
end
$$;
