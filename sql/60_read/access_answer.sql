create or replace function ablo.access_answer(p_key ablo.key_rights, p_model ablo.model, p_id text, p_judged jsonb) returns jsonb
language sql stable
as $$
  -- An explanation as a caller gets it: {model, id, organization, participant, capabilityId, operations, syncGroups,
  -- access, claims, sql}. sql: what shows the same to an administrator in psql: the row as plain SQL of a program's
  -- login sees it, and what the permissions say of it. Nothing in it depends on the row.
  -- Called by: ablo.access_explain, ablo.access_examine.
  select jsonb_build_object(
    'model', p_model.key, 'id', p_id, 'organization', p_key.organization_id, 'participant', p_key.participant,
    'capabilityId', p_key.id, 'operations', to_jsonb(p_key.operations), 'syncGroups', to_jsonb(p_key.sync_groups),
    'sql', jsonb_build_array(format(e'begin;\nset local role ablo_runtime;\nselect set_config(''app.current_org_id'', %L, true),\n'
      '  set_config(''app.current_participant_id'', %L, true);\nselect * from %I.%I where %I = %L;\nrollback;',
      p_key.organization_id, p_key.participant, p_model.table_schema, p_model.table_name, ablo.id_column(p_model), p_id))
      || coalesce((select jsonb_agg(format('select ablo_model.%I(t.*, %L, %L) from %I.%I t where t.%I = %L;',
        p_model.definition ->> 'permitsFunction', v, p_key.participant, p_model.table_schema, p_model.table_name,
        ablo.id_column(p_model), p_id) order by v)
        from jsonb_object_keys(p_model.definition -> 'permissions') v where v <> 'create'), '[]')
  ) || p_judged
$$;
