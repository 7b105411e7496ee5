create or replace function ablo.track_list(p_organization text, p_participant text, p_capability_id text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- A participant's tracks, as a JSON array: [{"model", "id"} or {"group"}, "readAt", "onStale", "createdAt"], in
  -- order of registration. p_capability_id: those of a key without more rights than this one.
  -- Called by: clients. Locks: none. Raises: identity_missing_organization, invalid_participant_kind, and the
  -- errors of ablo.key_by_id.
declare
  v_key ablo.key_rights;
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  return (
    select coalesce(json_agg(
        case when t.model = '' then jsonb_build_object('group', t.target)
             else jsonb_build_object('model', coalesce(m.key, t.model), 'id', t.target) end
        || jsonb_build_object('readAt', t.read_at, 'onStale', t.on_stale,
             'createdAt', to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
        order by t.created_at, t.model, t.target), '[]')
      from ablo.track t
      left join ablo.model m on m.typename = t.model
     where t.organization_id = p_organization and t.participant = p_participant
       and ablo.key_covers(v_key, t.capability_id));
end
$$;
