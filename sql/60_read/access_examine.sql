create or replace function ablo.access_examine(
  p_organization text, p_participant text, p_model text, p_id text, p_key text default null
) returns json
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- What a key, or a participant on a database login, may do with a row, as an administrator sees it: also of rows
  -- that it may not see, and of keys that have ended. p_key: a key's id or its hash; null: the participant. Adds to
  -- ablo.access_answer `key` (ablo.key_json), and the policies of the table that are not ours.
  -- SECURITY INVOKER, not for programs: a superuser sees every row. Called by: the command line. Locks: none.
  -- Raises: capability_not_found, server_execute_unknown_model, and the errors of ablo.participant_check.
declare
  v_api ablo.api_key;
  v_key ablo.key_rights;
  v_model ablo.model := ablo.read_model(p_model);
  v_query text;
  v_there text;
  v_found text;
  v_judged jsonb;
  v_status text;
begin
  if p_key is not null then
    select * into v_api from ablo.api_key k
     where (k.id = p_key or k.key_hash = p_key) and (p_organization is null or k.organization_id = p_organization);
    if v_api.id is null then
      perform ablo.raise_error('capability_not_found', 'there is no such key in this organization',
        'look it up: `ablo-pg keys list --all`');
    end if;
    v_status := ablo.key_status(v_api);
    p_organization := v_api.organization_id;
    p_participant := v_api.participant;
  end if;
  v_found := ablo.identity_set(p_organization, p_participant);
  if v_status = 'live' then
    v_key := ablo.key_of(p_organization, p_participant, v_api.id);
  else
    v_key := row(v_api.id, p_organization, p_participant, v_api.operations, v_api.sync_groups)::ablo.key_rights;
  end if;
  p_id := ablo.row_id(v_model.id_type, p_id);
  v_query := format('select case when bool_or(%s) then ''here'' else ''elsewhere'' end from %I.%I t '
    'where t.%I = $1::%s having count(*) > 0',
    case when v_model.org_column is null then '$2 <> ''''' else format('t.%I = $2', v_model.org_column) end,
    v_model.table_schema, v_model.table_name, ablo.id_column(v_model), v_model.id_type);
  begin
    execute v_query into v_there using p_id, p_organization;
  exception when data_exception then
    v_there := null;
  end;
  v_judged := ablo.access_judge(v_key, v_model, p_id, coalesce(v_there, 'absent'));
  if v_status <> 'live' then
    v_judged := jsonb_set(v_judged, '{access}', (
      select jsonb_object_agg(e.key, e.value || jsonb_build_object('allowed', false, 'by', 'key', 'reason', 'the key is ' || v_status))
        from jsonb_each(v_judged -> 'access') e));
  end if;
  return ablo.identity_restore(v_found, (ablo.access_answer(v_key, v_model, p_id, v_judged) || jsonb_build_object(
    'key', case when v_api.id is not null then ablo.key_json(v_api) end,
    'policies', (select coalesce(jsonb_agg(p.polname order by p.polname), '[]') from pg_catalog.pg_policy p
      where p.polrelid = to_regclass(format('%I.%I', v_model.table_schema, v_model.table_name))
        and coalesce(pg_catalog.obj_description(p.oid, 'pg_policy') not like 'ablo\_pg %', true))))::json);
end
$$;
