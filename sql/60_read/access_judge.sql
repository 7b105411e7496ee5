create or replace function ablo.access_judge(p_key ablo.key_rights, p_model ablo.model, p_id text, p_there text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- What a key may do with a row, and what decides that, by verb: {allowed: true | false | null (it depends on the
  -- change), by, reason, permission, value}. by: operations, model, row, organization, policy, groups, permission or
  -- claim; null: nothing limits it. value: what the permission says of the row as it is.
  -- p_there: what an operator sees: here, elsewhere (another organization's) or absent. Null: the key asks itself,
  -- and a row that it may not see is answered as one that does not exist.
  -- Called by: ablo.access_explain, ablo.access_examine, which set the identity. Locks: none.
declare
  v_definition constant jsonb := p_model.definition;
  v_found boolean;
  v_query text;
  v_groups text[];
  v_readable boolean;
  v_values jsonb;
  v_known boolean;  -- the answer may tell of the row
  v_inside boolean;
  v_text text;
  v_value boolean;
  v_holders jsonb;
  v_verb text;
  v_allowed boolean;
  v_by text;
  v_reason text;
  v_answer jsonb := '{}';
begin
  v_query := format('select true, %s, %s, %s from %I.%I t where t.%I = $1::%s and %s',
    case when v_definition ->> 'groupsFunction' is null then 'null::text[]'
      else format('ablo_model.%I(t.*)', v_definition ->> 'groupsFunction') end,
    case when v_definition ->> 'readsFunction' is null then 'true'
      else format('ablo_model.%I(t.*, $3) is true', v_definition ->> 'readsFunction') end,
    case when v_definition ->> 'permitsFunction' is null then 'null::jsonb'
      else format('(select jsonb_object_agg(v, ablo_model.%I(t.*, v, $3)) from jsonb_object_keys(%L) v)',
        v_definition ->> 'permitsFunction', v_definition -> 'permissions' || '{"never": null}') end,
    p_model.table_schema, p_model.table_name, ablo.id_column(p_model), p_model.id_type,
    case when p_model.org_column is null then '$2 <> ''''' else format('t.%I = $2', p_model.org_column) end);
  begin
    execute v_query into v_found, v_groups, v_readable, v_values
      using p_id, p_key.organization_id, p_key.participant;
  exception when data_exception then  -- an id that the column cannot hold names no row
    v_found := false;
  end;
  v_inside := p_key.sync_groups is null or p_model.org_column is null or coalesce(v_groups && p_key.sync_groups, false);
  v_known := v_found is true and (p_there is not null or ablo.key_may(p_key, p_model.typename, 'read') and v_inside
    and v_readable);
  if v_known and ablo_model.conflict(p_model.typename, split_part(p_key.participant, ':', 1)) is distinct from 'overwrite' then
    v_holders := ablo.claim_holders(p_key.organization_id, p_model.typename, p_id, null, p_key.participant);
  end if;
  foreach v_verb in array array['read', 'create', 'update', 'delete'] loop
    v_text := v_definition #>> array['permissions', v_verb, 'text'];
    v_value := case when v_known and v_verb <> 'create' then (v_values ->> v_verb)::boolean end;
    select x.allowed, x.by, x.reason into v_allowed, v_by, v_reason from (values
      (1, not ablo.key_may(p_key, p_model.typename, v_verb), false, 'operations',
        format('the operations of the key do not include %s.%s', lower(p_model.typename), v_verb)),
      (2, v_verb <> 'read' and not p_model.mutable, false, 'model', 'the model is declared as not mutable'),
      (3, v_verb = 'create' and v_known, false, 'row', 'there is a row with this id'),
      (4, v_verb = 'create' and v_text is not null, null, 'permission', 'it depends on the row that is made'),
      (5, v_verb = 'create' and p_key.sync_groups is not null, null, 'groups', 'the row must be in one of the sync groups of the key'),
      (6, v_verb = 'create', true, null, 'nothing limits it'),
      (7, not v_known and p_there = 'here', false, 'policy', 'a policy of the table hides the row from the kernel'),
      (7, not v_known and p_there = 'elsewhere', false, 'organization', 'the row belongs to another organization'),
      (7, not v_known and p_there = 'absent', false, 'row', 'there is no such row'),
      (7, not v_known and not ablo.key_may(p_key, p_model.typename, 'read'), null, 'operations',
        'the key may not read the model, and is not told whether there is such a row'),
      (8, not v_known, false, 'row', 'there is no such row, or the key may not see it'),
      (9, not v_inside, false, 'groups', 'the row is in none of the sync groups of the key'),
      (10, not v_readable, false, 'permission',
        format('the permission to read does not hold for the row: %s', v_definition #>> '{permissions,read,text}')),
      (11, v_text is not null and v_value is not true,
        case when v_definition #> array['permissions', v_verb, 'both'] <> 'true' or (v_values ->> 'never')::boolean then false end, 'permission',
        format('the permission to %s does not hold for the row as it is: %s', v_verb, v_text)),
      (12, v_verb <> 'read' and v_holders is not null,
        case when v_verb = 'delete' or not (select bool_and(h ? 'fields') from jsonb_array_elements(v_holders) h) then false end,
        'claim', format('%s has claimed %s', v_holders #>> '{0,heldBy}',
          coalesce((v_holders #> '{0,fields}')::text, 'the row'))),
      (13, v_text is not null, true, 'permission', format('the permission to %s holds for the row as it is%s: %s', v_verb,
        case v_verb when 'update' then ', and must hold after the change' else '' end, v_text)),
      (14, true, true, null, 'nothing limits it')) x (n, hit, allowed, by, reason)
     where x.hit order by x.n limit 1;
    v_answer := v_answer || jsonb_build_object(v_verb, jsonb_build_object(
      'allowed', v_allowed, 'by', v_by, 'reason', v_reason, 'permission', v_text, 'value', v_value)
      || case when v_known then coalesce((
        select jsonb_build_object('fields', jsonb_object_agg(split_part(k, '.', 2), coalesce(v_values -> k = 'true', false)))
          from jsonb_object_keys(v_values) k
         where split_part(k, '.', 1) = case v_verb when 'update' then 'write' else v_verb end and k like '%.%'
        having count(*) > 0), '{}') else '{}' end);
  end loop;
  return jsonb_build_object('access', v_answer, 'claims', coalesce(v_holders, '[]'));
end
$$;
