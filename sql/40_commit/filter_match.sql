create or replace function ablo.filter_match(p_model ablo.model, p_read jsonb) returns text
language plpgsql stable
as $$
  -- Whether the row that a delta (alias d) left behind matches a filter premise, as SQL text.
  -- Called by: ablo.filter_stale. Every name comes from the registry, every value is a typed literal (see
  -- ablo.predicate_sql). Raises: invalid_request, query_*, column_type_mismatch.
declare
  v_wires text[] := '{}';
  v_terms text[] := '{}';
  v_clause jsonb;
begin
  if jsonb_typeof(p_read -> 'where') <> 'array' then
    perform ablo.raise_error('invalid_request', format('where is not a list of terms: %s', left(p_read ->> 'where', 60)),
      'pass [predicate, ...]', '{"field": "where"}');
  end if;
  perform ablo.list_check(p_read);
  for v_clause in select e from jsonb_array_elements(p_read -> 'where') e loop
    v_wires := v_wires || array(select (ablo.field_find(p_model, f)).wire from ablo.predicate_fields(v_clause) f);
    v_terms := v_terms || ablo.predicate_sql(p_model, v_clause);
  end loop;
  if p_model.archived_column is not null and coalesce(p_read ->> 'archived', 'false') <> 'true' then
    v_wires := v_wires || (ablo.field_find(p_model, p_model.archived_column)).wire;
    v_terms := v_terms || format('t.%I is null', p_model.archived_column);
  end if;
  if v_wires = '{}' then
    return 'true';
  end if;
  return format('(select %s from %s)', array_to_string(v_terms, ' and '), ablo.filter_columns(p_model, v_wires));
end
$$;
