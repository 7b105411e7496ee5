create or replace function ablo.order_terms(p_model ablo.model, p_query jsonb) returns jsonb
language plpgsql stable
as $$
  -- The order of a list as terms [{"column", "order", "descending", "nulls", "field"}], the row id last, so that
  -- the order is total and a page can be continued. Without orderBy: by id.
  -- Called by: ablo.row_list. Raises: query_invalid_identifier, invalid_request.
declare
  v_given jsonb := coalesce(nullif(p_query -> 'orderBy', 'null'), '[]') || '[["id", "asc"]]';
  v_terms jsonb := '[]';
  v_term jsonb;
  v_field ablo.field;
  v_column text;
  v_descending boolean;
  v_nulls boolean;
begin
  for v_index in 0 .. jsonb_array_length(v_given) - 1 loop
    v_term := v_given -> v_index;
    v_field := ablo.field_find(p_model, v_term ->> 0);
    v_descending := lower(coalesce(v_term ->> 1, 'asc')) = 'desc';
    if lower(coalesce(v_term ->> 1, 'asc')) not in ('asc', 'desc') or v_field.type = 'json' then
      perform ablo.raise_error('invalid_request',
        format('%s cannot be ordered by %s %s', p_model.key, v_field.wire, left(v_term ->> 1, 20)),
        'order by a field that is not json, "asc" or "desc"',
        jsonb_build_object('model', p_model.key, 'field', v_field.wire));
    end if;
    v_column := format('t.%I', v_field.column_name);
    -- A required column of an adopted table may contain nulls.
    v_nulls := v_field.optional or not exists (
      select from pg_catalog.pg_attribute a
       where a.attrelid = to_regclass(format('%I.%I', p_model.table_schema, p_model.table_name))
         and a.attname = v_field.column_name and a.attnotnull);
    v_terms := v_terms || jsonb_build_object(
      'column', v_column, 'field', v_field.wire, 'descending', v_descending, 'nulls', v_nulls,
      -- Nulls last in either direction; written only where it matters, since an index read backwards has them
      -- first. A range of ablo.keyset_sql never mixes nulls of the first term with values.
      'order', v_column || case when not v_descending then ''
        when v_nulls and v_terms <> '[]' then ' desc nulls last' else ' desc' end);
    exit when v_field.wire = 'id';
  end loop;
  return v_terms;
end
$$;
