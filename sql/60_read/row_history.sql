create or replace function ablo.row_history(
  p_organization text, p_participant text, p_model text, p_id text,
  p_limit int default 100, p_before bigint default null, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_sort = off  -- a generic plan does not know the limit, and would sort all that follows
set enable_bitmapscan = off
set jit = off
as $$
  -- The changes of one row, newest first: {"entries": [{syncId, op, row, changed, before, actor,
  -- onBehalfOf, capabilityId, claimId, transactionId, createdAt}], "hasMore", "keptAfter"}. Also of a row that is
  -- deleted. p_before: only older than that sync id. It ends at p_limit, or with the entry that reaches the
  -- budget of an answer (ablo.bound). p_capability_id: the key that the caller acts with;
  -- changes outside its sync groups are left out; one by which the row left them is a removal. Nothing at or
  -- below keptAfter is kept any more.
  -- Called by: clients. STABLE: one snapshot. Locks: none. Reads delta_row_idx, p_limit + 1 entries.
  -- Raises: server_execute_unknown_model, identity_missing_organization, invalid_request.
declare
  v_model ablo.model := ablo.read_model(p_model);
  v_limit int := ablo.list_limit(jsonb_build_object('limit', p_limit));
  v_key ablo.key_rights := ablo.key_check_read(p_organization, p_participant, p_capability_id, v_model.typename);
  v_entry record;
  v_entries json[] := '{}';
  v_size bigint := 0;
  v_more boolean := false;
begin
  perform ablo.participant_check(p_organization, p_participant);
  p_id := ablo.row_id(v_model.id_type, p_id);
  if p_before < 0 then
    perform ablo.raise_error('invalid_request', format('%s is not a position of the log', p_before),
      'pass the sync id of the last entry that you have', '{"field": "before"}');
  end if;
  for v_entry in
    select s.* from ablo.delta d cross join lateral ablo.delta_seen(v_key, d) s
     where d.organization_id = p_organization and d.model = v_model.typename
       and s.sync_id is not null
       and (d.row_id, d.sync_id) > (p_id, 0)
       and (d.row_id, d.sync_id) < (p_id, coalesce(p_before, 9223372036854775807))
     order by d.row_id desc, d.sync_id desc
     limit v_limit + 1
  loop
    v_more := cardinality(v_entries) = v_limit or v_size >= ablo.bound('answer_bytes');
    exit when v_more;
    v_entries := v_entries || json_build_object('syncId', v_entry.sync_id, 'op', v_entry.op, 'row', v_entry."row",
      'changed', v_entry.changed, 'before', v_entry.before, 'actor', v_entry.actor, 'onBehalfOf', v_entry.on_behalf_of,
      'capabilityId', v_entry.capability_id, 'claimId', v_entry.claim_id, 'transactionId', v_entry.transaction_id,
      'createdAt', v_entry.created_at);
    v_size := v_size + coalesce(octet_length(v_entry."row"::text), 0)
      + coalesce(octet_length(v_entry.before::text), 0);
  end loop;
  return json_build_object('entries', array_to_json(v_entries), 'hasMore', v_more,
    'keptAfter', (select s.dropped_through from ablo.log_state s));
end
$$;
