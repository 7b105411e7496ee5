create or replace function ablo.track_remove(p_organization text, p_participant text, p_targets jsonb default null,
  p_capability_id text default null)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Stop tracking: the named targets ([{"model", "id"} or {"group"}]), or all of them; returns how many were
  -- tracked. p_capability_id: only those of a key without more rights than this one.
  -- Called by: clients. Locks: the rows it deletes. Raises: invalid_request, server_execute_unknown_model,
  -- identity_missing_organization, invalid_participant_kind.
declare
  v_target jsonb;
  v_key ablo.key_rights;
  v_count int;
  v_removed int := 0;
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  if p_targets is null then
    delete from ablo.track t where t.organization_id = p_organization and t.participant = p_participant
       and ablo.key_covers(v_key, t.capability_id);
    get diagnostics v_removed = row_count;
    return v_removed;
  elsif jsonb_typeof(p_targets) <> 'array' or jsonb_array_length(p_targets) > 500 then
    perform ablo.raise_error('invalid_request', 'targets is not an array of at most 500 rows and groups',
      'pass [{"model", "id"}] or [{"group"}], or nothing for all', '{"field": "targets"}');
  end if;
  for v_target in select e from jsonb_array_elements(p_targets) e loop
    delete from ablo.track t
     using ablo.track_target(p_organization, v_target) x
     where t.organization_id = p_organization and t.participant = p_participant
       and t.model = x.model and t.target = x.target and ablo.key_covers(v_key, t.capability_id);
    get diagnostics v_count = row_count;
    v_removed := v_removed + v_count;
  end loop;
  return v_removed;
end
$$;
