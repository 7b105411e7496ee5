-- "After this row" as SQL text: for each term, equal in all before it and further in this one. Nulls
-- come last in either direction. The cursor is the base64 of the last row's order values as JSON.
-- Called by: ablo.row_list. Raises: cursor_invalid.
create or replace function ablo.keyset_sql(p_model ablo.model, p_order jsonb, p_after text) returns text
language plpgsql stable
as $$
declare
  v_values jsonb;
  v_equal text := 'true';
  v_further text[] := '{}';
  v_term jsonb;
  v_literal text;
begin
  begin
    v_values := convert_from(decode(p_after, 'base64'), 'UTF8')::jsonb;
  exception when data_exception then
    v_values := null;
  end;
  if jsonb_typeof(v_values) is distinct from 'array' or jsonb_array_length(v_values) <> jsonb_array_length(p_order)
    or exists (select from jsonb_array_elements(p_order) with ordinality x (term, n), lateral (select v_values -> (n - 1)::int) y (v)
                where v <> 'null' and (jsonb_typeof(v) in ('object', 'array') or not ablo.text_is(v #>> '{}', term ->> 'type')
                  or (jsonb_typeof(v) = 'boolean') <> (term ->> 'type' = 'boolean')
                  or jsonb_typeof(v) <> 'string' and term ->> 'type' = 'text'))
  then
    perform ablo.raise_error('cursor_invalid', format('%s: the page cursor does not belong to this list', p_model.key),
      'pass the next_cursor of the page before, with the same order', jsonb_build_object('model', p_model.key, 'field', 'after'));
  end if;
  for v_index in 0 .. jsonb_array_length(p_order) - 1 loop
    v_term := p_order -> v_index;
    if v_values -> v_index = 'null' then
      v_equal := v_equal || format(' and %s is null', v_term ->> 'column');
      continue;
    end if;
    v_literal := ablo.filter_literal(p_model, ablo.field_find(p_model, v_term ->> 'field'), v_term ->> 'type', v_values -> v_index);
    v_further := v_further || format('(%s and (%s %s %s or %s is null))', v_equal, v_term ->> 'column',
      case when (v_term ->> 'descending')::boolean then '<' else '>' end, v_literal, v_term ->> 'column');
    v_equal := v_equal || format(' and %s = %s', v_term ->> 'column', v_literal);
  end loop;
  return '(' || coalesce(nullif(array_to_string(v_further, ' or '), ''), 'false') || ')';
end
$$;
