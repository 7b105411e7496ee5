create or replace function ablo.sight_rows(
  p_organization text, p_after bigint, p_groups text[], p_shown text[], p_participants text[]
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The rows in some sync groups that have not changed since p_after, where a stream's key has gained or lost these:
  -- {"stamp": n, "rows": [{"model", "id", "groups", "readers", "row"}]}. The stream finds those that have changed
  -- since in the log. row: only of rows in p_shown, null of others. readers: those of p_participants that may read
  -- the row, null if its model does not limit reading; rows that none of them may read are left out, and so are
  -- archived ones. rows is null if there are more than ablo.sight_ids(), or more than fits into an answer: then the
  -- stream cannot go on, and its client takes a new snapshot.
  -- Called by: relays, which have decided what the key may see. STABLE: one snapshot. EXECUTE, per model.
declare
  v_found text := ablo.identity_set(p_organization, 'system:sight');
  v_stamp bigint := ablo.log_head(p_organization);
  v_model ablo.model;
  v_row record;
  v_rows json[] := '{}';
  v_size bigint := 0;
begin
  for v_model in
    select * from ablo.model m where m.definition ->> 'groupsFunction' is not null and m.org_column is not null order by m.typename
  loop
    for v_row in execute format(
      'select t.%1$I::text as id, g.groups, r.readers, case when g.groups && $3 then ablo_model.%2$I(t.*) end as j
         from %3$I.%4$I t cross join lateral (select ablo_model.%5$I(t.*) as groups offset 0) g
        cross join lateral (select %10$s as readers offset 0) r
        where t.%6$I = $1 and t.%7$I is null and g.groups && $2 and r.readers is distinct from array[]::text[] and not exists (
          select from ablo.delta d
           where d.organization_id = $1 and d.model = %9$L and d.row_id = t.%1$I::text and d.sync_id > $4)
        limit %8$s',
      ablo.id_column(v_model), v_model.row_function, v_model.table_schema, v_model.table_name,
      v_model.definition ->> 'groupsFunction', v_model.org_column, v_model.archived_column,
      ablo.sight_ids() + 1 - cardinality(v_rows), v_model.typename,
      case when v_model.definition ->> 'readsFunction' is null then 'null::text[]'
        else format('array(select a from unnest($5) a where ablo_model.%I(t.*, a))', v_model.definition ->> 'readsFunction') end
      ) using p_organization, p_groups, p_shown, p_after, p_participants
    loop
      v_rows := v_rows || json_build_object('model', v_model.typename, 'id', v_row.id, 'groups', v_row.groups,
        'readers', v_row.readers, 'row', v_row.j);
      v_size := v_size + coalesce(octet_length(v_row.j::text), 0);
      if cardinality(v_rows) > ablo.sight_ids() or v_size > ablo.bound('answer_bytes') then
        return ablo.identity_restore(v_found, json_build_object('stamp', v_stamp, 'rows', null));
      end if;
    end loop;
  end loop;
  return ablo.identity_restore(v_found, json_build_object('stamp', v_stamp, 'rows', array_to_json(v_rows)));
end
$$;
