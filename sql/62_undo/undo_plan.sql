create or replace function ablo.undo_plan(
  p_organization text, p_participant text, p_choice jsonb, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- What undoes some changes, as a commit that writes nothing yet: {"operations", "reads", "left"}. p_choice: see
  -- ablo.undo_chosen. The premises say that no row has moved since the plan was made, so that it may be sent as it
  -- is; a stale one wants a new plan. left: what others changed since, or what the log does not tell: [{model, id,
  -- reason, fields?, by?, syncId?}]; see ablo.undo_row. Rows that the caller may not see are left out.
  -- Deleted rows are created first, owners before what belongs to them; created ones are deleted last, in the
  -- reverse order.
  -- Called by: clients. STABLE: one snapshot. Locks: none. Raises: invalid_request,
  -- commit_too_many_operations, and those of ablo.undo_chosen.
declare
  v_key ablo.key_rights;
  v_row record;
  v_model ablo.model;
  v_undo record;
  v_steps jsonb := '[]';
  v_left jsonb := '[]';
  v_reads jsonb := '[]';
  v_depths jsonb := '{}';
  v_operations jsonb;
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  perform ablo.undo_check(p_choice);
  if p_choice ? 'model' then
    perform ablo.key_require(v_key, (ablo.read_model(p_choice ->> 'model')).typename, 'read');
  end if;
  for v_row in
    select c.model, c.row_id, c.sync_ids from ablo.undo_chosen(p_organization, p_participant, p_choice, v_key) c order by c.sync_ids[1]
  loop
    select * into v_model from ablo.model m where m.typename = v_row.model;
    continue when v_model.typename is null;  -- a model that the schema no longer has
    v_undo := ablo.undo_row(p_organization, v_model, v_row.row_id, v_row.sync_ids, v_key);
    if v_undo.rest is not null then
      v_left := v_left || (jsonb_build_object('model', v_model.key, 'id', v_row.row_id) || v_undo.rest);
    end if;
    if v_undo.action is not null or v_undo.archived is not null then
      v_steps := v_steps || jsonb_build_object('model', v_model.typename, 'id', v_row.row_id, 'action', v_undo.action,
        'data', v_undo.data, 'archived', v_undo.archived, 'madeAt', v_undo.made_at);
      v_reads := v_reads || case when v_undo.action = 'create'
        then jsonb_build_object('model', v_model.typename, 'id', v_row.row_id, 'absent', true)
        when v_undo.action = 'update' and v_undo.archived is null
        then jsonb_build_object('model', v_model.typename, 'id', v_row.row_id, 'readAt', v_undo.head,
          'fields', (select jsonb_agg(k) from jsonb_object_keys(v_undo.data) k))
        else jsonb_build_object('model', v_model.typename, 'id', v_row.row_id, 'readAt', v_undo.head) end;
    end if;
  end loop;
  if (select count(*) from jsonb_array_elements(v_steps) e where e ->> 'action' in ('create', 'delete')) > 1 then
    with recursive tie as (
      select distinct c.typename as child, p.typename as parent
        from pg_catalog.pg_constraint k
        join ablo.model c on k.conrelid = to_regclass(format('%I.%I', c.table_schema, c.table_name))
        join ablo.model p on k.confrelid = to_regclass(format('%I.%I', p.table_schema, p.table_name))
       where k.contype = 'f' and c.typename <> p.typename),
    below as (
      select m.typename, 0 as depth from ablo.model m
      union
      select t.child, b.depth + 1 from below b join tie t on t.parent = b.typename where b.depth < 32)
    select jsonb_object_agg(d.typename, d.depth) into v_depths
      from (select b.typename, max(b.depth) as depth from below b group by 1) d;
  end if;
  select jsonb_agg(o.operation order by o.turn, o.depth * o.way, o.made_at * o.way, o.n * o.way) into v_operations
    from (
      select jsonb_strip_nulls(jsonb_build_object('action', s.e -> 'action', 'model', s.e -> 'model', 'id', s.e -> 'id'))
               || case when s.e ->> 'action' = 'delete' then '{}' else jsonb_build_object('data', s.e -> 'data') end as operation,
             case s.e ->> 'action' when 'create' then 0 when 'update' then 1 else 3 end as turn,
             case s.e ->> 'action' when 'delete' then -1 else 1 end as way,
             coalesce((v_depths ->> (s.e ->> 'model'))::int, 0) as depth,
             extract(epoch from (s.e ->> 'madeAt')::timestamptz) as made_at, s.n
        from jsonb_array_elements(v_steps) with ordinality s(e, n) where s.e -> 'action' <> 'null'
      union all
      select jsonb_build_object('action', case when s.e -> 'archived' = 'true' then 'archive' else 'unarchive' end,
               'model', s.e -> 'model', 'id', s.e -> 'id'), 2, 1, 0, null, s.n
        from jsonb_array_elements(v_steps) with ordinality s(e, n) where s.e -> 'archived' <> 'null') o;
  if jsonb_array_length(v_operations) > 500 then
    perform ablo.raise_error('commit_too_many_operations',
      format('undoing this takes %s operations; the limit of one commit is 500', jsonb_array_length(v_operations)),
      'undo less at once: a later position or time, or commit by commit', '{"field": "since", "limit": 500}');
  end if;
  return json_build_object('operations', coalesce(v_operations, '[]'), 'reads', v_reads, 'left', v_left);
end
$$;
