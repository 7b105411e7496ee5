create or replace function ablo.snapshot_read(
  p_organization text, p_participant text, p_targets jsonb, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Several rows and the watermark, of one snapshot: {"stamp": n, "rows": [{"model", "id", "row", "stamp"}]}.
  -- p_targets: [{"model", "id"}], at most 500. Called by: clients that decide on more than one row.
  -- STABLE: one snapshot. Raises: server_execute_unknown_model, invalid_request, response_too_large.
declare
  v_target jsonb;
  v_read json;
  v_rows json[] := '{}';
  v_size bigint := 0;
begin
  perform ablo.participant_check(p_organization, p_participant);
  if jsonb_typeof(p_targets) is distinct from 'array' or jsonb_array_length(p_targets) > 500 then
    perform ablo.raise_error('invalid_request', 'a snapshot takes an array of at most 500 {model, id}',
      'take several snapshots, or list the model', '{"field": "targets"}');
  end if;
  for v_target in select e from jsonb_array_elements(p_targets) e loop
    v_read := ablo.row_get(p_organization, p_participant, v_target ->> 'model', v_target ->> 'id', p_capability_id);
    v_size := v_size + coalesce(octet_length((v_read -> 'row')::text), 0);
    if v_size > ablo.bound('answer_bytes') and cardinality(v_rows) > 0 then
      perform ablo.raise_error('response_too_large',
        format('the rows of the snapshot are larger than %s bytes together', ablo.bound('answer_bytes')),
        'take several snapshots', jsonb_build_object('field', 'targets', 'limit', ablo.bound('answer_bytes')));
    end if;
    v_rows := v_rows || json_build_object('model', v_target ->> 'model', 'id', v_target ->> 'id',
      'row', v_read -> 'row', 'stamp', v_read -> 'stamp');  -- the row as its own text, never through jsonb
  end loop;
  return json_build_object('stamp', ablo.log_head(p_organization), 'rows', array_to_json(v_rows));
end
$$;
