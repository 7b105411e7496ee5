create or replace function ablo.keyset_sql(p_model ablo.model, p_order jsonb, p_after text) returns text
language plpgsql stable
as $$
  -- "After this row" as SQL text: for each term, equal in all before it and further in this one. Nulls
  -- come last in either direction. The cursor is the base64 of the last row's order values, a JSON array
  -- of texts as the columns' types print and read them.
  -- Called by: ablo.row_list. Raises: cursor_invalid.
declare
  v_values jsonb;
  v_equal text := 'true';
  v_further text[] := '{}';
  v_term jsonb;
  v_value jsonb;
  v_field ablo.field;
  v_compared record;
  v_bad boolean;
begin
  begin
    v_values := convert_from(decode(p_after, 'base64'), 'UTF8')::jsonb;
  exception when data_exception then
    v_values := null;
  end;
  v_bad := jsonb_typeof(v_values) is distinct from 'array' or jsonb_array_length(v_values) <> jsonb_array_length(p_order);
  for v_index in 0 .. jsonb_array_length(p_order) - 1 loop
    v_term := p_order -> v_index;
    v_value := v_values -> v_index;
    v_field := ablo.field_find(p_model, v_term ->> 'field');
    v_compared := ablo.field_compared(p_model, v_field);
    if v_bad or v_value <> 'null' and (jsonb_typeof(v_value) <> 'string' or not ablo.text_is(v_value #>> '{}', v_compared.type)) then
      perform ablo.raise_error('cursor_invalid', format('%s: the page cursor does not belong to this list', p_model.key),
        'pass the next_cursor of the previous page, with the same order', jsonb_build_object('model', p_model.key, 'field', 'after'));
    elsif v_value = 'null' then
      v_equal := v_equal || format(' and %s is null', v_term ->> 'column');
      continue;
    end if;
    v_further := v_further || format('(%s and (%s or %s is null))', v_equal,
      ablo.compare_sql(p_model, v_field, v_compared, case when (v_term ->> 'descending')::boolean then '<' else '>' end, v_value),
      v_term ->> 'column');
    v_equal := v_equal || ' and ' || ablo.compare_sql(p_model, v_field, v_compared, '=', v_value);
  end loop;
  return '(' || coalesce(nullif(array_to_string(v_further, ' or '), ''), 'false') || ')';
end
$$;
