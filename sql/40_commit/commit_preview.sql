create or replace function ablo.commit_preview(
  p_organization text,
  p_participant text,
  p_request jsonb,
  p_on_behalf_of text default null,
  p_capability_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- What a commit would change, without a trace: {"ops", "changes": [{model, id, op, row, changed,
  -- before}], "notifications", "missingIds"}. The commit is made, its changes are read as the caller's key sees them, and all
  -- of it is rolled back, with its locks; only sequences have moved on. What would refuse it is raised. Triggers of the
  -- table run: what they do outside of the database has happened.
  -- Called by: clients. p_request: as in ablo.commit_run. Locks: those of a commit, until it returns. Raises: what
  -- ablo.commit raises.
declare
  v_before bigint := coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
  v_key ablo.key_rights;
  v_receipt json;
  v_delta record;
  v_changes json[] := '{}';
  v_size bigint := 0;
begin
  begin
    v_receipt := ablo.commit(p_organization, p_participant, 'preview ' || gen_random_uuid(), case jsonb_typeof(p_request) when 'object' then p_request - 'returning' else p_request end,
      p_on_behalf_of, p_capability_id);
    v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
    for v_delta in
      select m.key, s.* from ablo.delta d cross join lateral ablo.delta_seen(v_key, d) s join ablo.model m on m.typename = s.model
       where d.organization_id = p_organization and d.sync_id > v_before and d.xid = pg_current_xact_id()
       order by d.sync_id
    loop
      v_changes := v_changes || json_build_object('model', v_delta.key, 'id', v_delta.row_id, 'op', v_delta.op,
        'row', v_delta."row", 'changed', v_delta.changed, 'before', v_delta.before);
      v_size := v_size + coalesce(octet_length(v_delta."row"::text), 0) + coalesce(octet_length(v_delta.before::text), 0);
      if v_size > ablo.bound('answer_bytes') then
        perform ablo.raise_error('response_too_large',
          format('what the commit would change has more than %s bytes', ablo.bound('answer_bytes')), 'preview it in parts');
      end if;
    end loop;
    raise exception using errcode = 'AB0PV';
  exception when sqlstate 'AB0PV' then
    null;  -- what it has read is kept, what it has written is not
  end;
  return json_build_object('ops', v_receipt -> 'ops', 'changes', array_to_json(v_changes),
    'notifications', coalesce(v_receipt -> 'notifications', '[]'), 'missingIds', coalesce(v_receipt -> 'missingIds', '[]'));
end
$$;
