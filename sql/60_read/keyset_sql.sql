create or replace function ablo.keyset_sql(p_model ablo.model, p_order jsonb, p_after text) returns text[]
language plpgsql stable
as $$
  -- The rows after a cursor (null: all) as conditions, to be read one after the other: each is a range of the
  -- first term, so that an index that begins with it leads there, however far into the list. Rows without a value
  -- in the first term come last, in a range of their own. Within a range, "after" is: for each term, equal in all
  -- before it and further in this one. The cursor is the base64 of the last row's order values, a JSON array of
  -- texts as the columns' types print and read them.
  -- Called by: ablo.row_list. Raises: cursor_invalid.
declare
  v_first text := p_order -> 0 ->> 'column';
  v_nulls boolean := (p_order -> 0 ->> 'nulls')::boolean;
  v_values jsonb;
  v_equal text := 'true';
  v_bound text := v_first || ' is null';
  v_further text[] := '{}';
  v_term jsonb;
  v_value jsonb;
  v_field ablo.field;
  v_compared record;
  v_direction text;
  v_bad boolean;
begin
  if p_after is null then
    return case when v_nulls then array[v_first || ' is not null', v_bound] else array['true'] end;
  end if;
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
    v_direction := case when (v_term ->> 'descending')::boolean then '<' else '>' end;
    v_further := v_further || format('(%s and (%s%s))', v_equal, ablo.compare_sql(p_model, v_field, v_compared, v_direction, v_value),
      case when v_index > 0 and (v_term ->> 'nulls')::boolean then format(' or %s is null', v_term ->> 'column') else '' end);
    if v_index = 0 then
      v_bound := ablo.compare_sql(p_model, v_field, v_compared,
        v_direction || case when jsonb_array_length(p_order) > 1 then '=' else '' end, v_value);
    end if;
    v_equal := v_equal || ' and ' || ablo.compare_sql(p_model, v_field, v_compared, '=', v_value);
  end loop;
  return array[v_bound || format(' and (%s)', coalesce(nullif(array_to_string(v_further, ' or '), ''), 'false'))]
    || case when v_nulls and v_values -> 0 <> 'null' then array[v_first || ' is null'] end;
end
$$;
