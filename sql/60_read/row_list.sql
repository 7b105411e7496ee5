create or replace function ablo.row_list(
  p_organization text, p_participant text, p_model text, p_query jsonb, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Rows of a model, filtered, ordered, paged by key, with their stamps and the watermark, all of one
  -- snapshot: {"data": [...], "evidence": [{"id", "stamp"}], "stamp", "hasMore", "nextCursor"}.
  -- p_query: {"where": [predicate, ...] (ablo.predicate_sql; all must hold), "orderBy": [[field, "asc"|"desc"]], "limit" (100; at most
  -- 1000), "after": cursor, "archived": also archived rows, "groups": only rows in one of these sync
  -- groups, "compares": true: also return of each field of where and order what ablo.field_compares says, "include":
  -- also return "related", the rows that belong to these (ablo.row_related)}. A page
  -- ends at its limit or with the row that reaches the budget of an answer (ablo.bound), whichever comes first; the
  -- rows behind it are not read. p_capability_id: the key that the caller acts
  -- with; only rows in its sync groups are listed. Called by: clients. STABLE: one snapshot.
  -- Raises: server_execute_unknown_model, query_*, column_type_mismatch, invalid_request, cursor_invalid, and
  -- what ablo.key_check_read raises.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_model ablo.model := ablo.read_model(p_model);
  v_floor bigint := ablo.log_floor();
  v_head bigint;
  v_stamp bigint;
  v_limit int;
  v_order jsonb;
  v_where text;
  v_range text;
  v_row record;
  v_data json[] := '{}';
  v_evidence json[] := '{}';
  v_size bigint := 0;
  v_last jsonb;
  v_more boolean := false;
  v_page json;
  v_hidden constant text[] := ablo_model.hidden(v_model.typename, p_participant);
begin
  perform ablo.list_check(p_query);
  v_limit := ablo.list_limit(p_query);
  v_order := ablo.order_terms(v_model, p_query);
  v_where := ablo.list_where(p_organization, p_participant, v_model, p_query, p_capability_id);
  v_head := ablo.log_head(p_organization);
  v_stamp := ablo.stamp_before(v_head, v_floor);
  foreach v_range in array ablo.keyset_sql(v_model, v_order, p_query ->> 'after') loop
    for v_row in execute format(
      'select %14$s as j, %5$s as k,
              json_build_object(''id'', t.%9$I::text, ''stamp'', coalesce((
                select d.sync_id from ablo.delta d  -- as ablo.row_stamp, with the partitions known to the planner
                 where d.organization_id = %2$L and d.model = %3$L and d.sync_id > %12$s
                   and (d.row_id, d.sync_id) > (t.%9$I::text, %12$s) and (d.row_id, d.sync_id) <= (t.%9$I::text, 9223372036854775807)
                 order by d.row_id desc, d.sync_id desc limit 1), %13$s)) as e
         from %7$I.%8$I t where %10$s and %11$s order by %6$s limit %1$s',
      v_limit - cardinality(v_data) + 1, p_organization, v_model.typename, v_model.row_function,
      (select 'jsonb_build_array(' || string_agg((o ->> 'column') || '::text', ', ') || ')' from jsonb_array_elements(v_order) o),
      (select string_agg(o ->> 'order', ', ') from jsonb_array_elements(v_order) o),
      v_model.table_schema, v_model.table_name, ablo.id_column(v_model), v_where, v_range, v_floor, v_stamp,
      format(case when v_hidden is null then 'ablo_model.%I(t.*)' else 'ablo.row_without(ablo_model.%I(t.*), %L)' end,
        v_model.row_function, v_hidden))
    loop
      v_more := cardinality(v_data) = v_limit or v_size >= ablo.bound('answer_bytes');
      exit when v_more;
      v_data := v_data || v_row.j;
      v_evidence := v_evidence || v_row.e;
      v_size := v_size + octet_length(v_row.j::text);
      v_last := v_row.k;
    end loop;
    exit when v_more;
  end loop;
  v_page := json_build_object('data', array_to_json(v_data), 'evidence', array_to_json(v_evidence), 'stamp', v_head, 'hasMore', v_more,
    'nextCursor', case when v_more then translate(encode(convert_to(v_last::text, 'UTF8'), 'base64'), e'\n', '') end);
  if p_query ->> 'compares' = 'true' then
    v_page := (
      select left(v_page::text, -1) || ', "compares" : ' || json_object_agg(n, ablo.field_compares(v_model, n)) || '}'
        from (select o ->> 'field' as n from jsonb_array_elements(v_order) o
              union select (ablo.field_find(v_model, f)).wire
                from jsonb_array_elements(coalesce(nullif(p_query -> 'where', 'null'), '[]')) e, ablo.predicate_fields(e) f) names);
  end if;
  if nullif(p_query -> 'include', 'null') is not null then
    v_page := (left(v_page::text, -1) || ', "related" : '
      || coalesce(ablo.row_related(p_organization, p_participant, p_query -> 'include', v_data, p_capability_id)::text, '{}') || '}')::json;
  end if;
  return ablo.identity_restore(v_found, v_page);
end
$$;
