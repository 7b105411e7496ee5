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
  v_head bigint;
  v_limit int;
  v_order jsonb;
  v_where text;
  v_keys text;
  v_by text;
  v_shown text;
  v_range text;
  v_row record;
  v_data json[] := '{}';
  v_ids text[] := '{}';
  v_size bigint := 0;
  v_last text[];
  v_more boolean := false;
  v_page json;
  v_done text;  -- an assignment runs no query
  v_hidden constant text[] := ablo_model.hidden(v_model.typename, p_participant);
begin
  v_done := ablo.list_check(p_query);
  v_limit := ablo.list_limit(p_query);
  v_order := ablo.order_terms(v_model, p_query);
  v_where := ablo.list_where(p_organization, p_participant, v_model, p_query, p_capability_id);
  v_head := ablo.log_head(p_organization);
  -- clock_timestamp, which is never called, is volatile: the JSON is built after the sort, of the rows that are
  -- returned, where Postgres would build that of all the rows that it sorts.
  v_shown := format(case when v_hidden is null then 'coalesce(ablo_model.%I(t.*), clock_timestamp()::text::json)'
    else 'coalesce(ablo.row_without(ablo_model.%I(t.*), %L), clock_timestamp()::text::json)' end, v_model.row_function, v_hidden);
  select string_agg((o ->> 'column') || '::text', ', '), string_agg(o ->> 'order', ', ') into v_keys, v_by
    from jsonb_array_elements(v_order) o;
  foreach v_range in array ablo.keyset_sql(v_model, v_order, p_query ->> 'after') loop
    for v_row in execute format(
      'select t.%I::text as id, array[%s] as k, %s as j from %I.%I t where %s and %s order by %s limit %s',
      ablo.id_column(v_model), v_keys, v_shown, v_model.table_schema, v_model.table_name, v_where, v_range, v_by,
      v_limit - cardinality(v_data) + 1)
    loop
      v_more := cardinality(v_data) = v_limit or v_size >= ablo.bound('answer_bytes');
      exit when v_more;
      v_data := v_data || v_row.j;
      v_ids := v_ids || v_row.id;
      v_size := v_size + octet_length(v_row.j::text);
      v_last := v_row.k;
    end loop;
    exit when v_more;
  end loop;
  v_page := json_build_object('data', array_to_json(v_data),
    'evidence', ablo.row_stamps(p_organization, v_model.typename, v_ids, v_head), 'stamp', v_head, 'hasMore', v_more,
    'nextCursor', case when v_more then translate(encode(convert_to(to_jsonb(v_last)::text, 'UTF8'), 'base64'), e'\n', '') end);
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
