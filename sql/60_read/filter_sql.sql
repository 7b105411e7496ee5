create or replace function ablo.filter_sql(p_model ablo.model, p_clause jsonb) returns text
language plpgsql stable
as $$
  -- One filter clause [field, operator, value] as SQL text over alias t; every name comes from the
  -- registry and is quoted, every value is a quoted literal that compares as its column does.
  -- Called by: ablo.row_list. Raises: query_invalid_identifier, query_unsupported_operator,
  -- query_invalid_like_pattern, column_type_mismatch.
declare
  v_field ablo.field := ablo.field_find(p_model, p_clause ->> 0);
  v_operator text := lower(case when jsonb_array_length(p_clause) = 2 then '=' else p_clause ->> 1 end);
  v_value jsonb := p_clause -> (jsonb_array_length(p_clause) - 1);
  v_column text := format('t.%I', v_field.column_name);
  v_compared record;
begin
  if v_value = 'null' or v_value is null then
    if v_operator in ('=', 'is') then return v_column || ' is null'; end if;
    if v_operator in ('!=', '<>', 'is_not', 'is not') then return v_column || ' is not null'; end if;
    perform ablo.filter_refuse(p_model, v_field, v_operator, v_value, 'null can only be compared with = or !=');
  end if;
  v_compared := ablo.field_compared(p_model, v_field);
  if v_operator in ('in', 'not_in', 'not in') then
    if jsonb_typeof(v_value) <> 'array' then
      perform ablo.filter_refuse(p_model, v_field, v_operator, v_value, 'it takes a list');
    end if;
    if v_field.type = 'json' and v_compared.type <> 'jsonb' then
      perform ablo.filter_refuse(p_model, v_field, v_operator, v_value, 'the column is an array, which is compared with = or <>');
    end if;
    if v_value = '[]' then
      return case when v_operator = 'in' then 'false' else 'true' end;
    end if;
    return format(case when v_operator = 'in' then '%s %s any (array[%s])' else '%s %s all (array[%s])' end, v_column,
      case when v_operator = 'in' then coalesce(v_compared.operators ->> '=', '=') else coalesce(v_compared.operators ->> '<>', '<>') end,
      (select string_agg(ablo.filter_literal(p_model, v_field, v_compared.type, e), ', ') from jsonb_array_elements(v_value) e));
  elsif v_operator in ('like', 'not_like', 'ilike', 'not_ilike', 'not like', 'not ilike') then
    if v_field.type not in ('string', 'enum') or jsonb_typeof(v_value) <> 'string' then
      perform ablo.filter_refuse(p_model, v_field, v_operator, v_value, 'patterns match text fields only');
    elsif length(v_value #>> '{}') - length(rtrim(v_value #>> '{}', '\')) & 1 = 1 then
      perform ablo.raise_error('query_invalid_like_pattern',
        format('the pattern for %s.%s ends in an escape character', p_model.key, v_field.wire),
        'double the last backslash', jsonb_build_object('model', p_model.key, 'field', v_field.wire));
    end if;
    -- A separate type that ignores case (citext) also ignores it in patterns.
    v_operator := case when v_compared.operators is null then replace(v_operator, '_', ' ')
                       when v_operator like 'not%' then 'not ilike' else 'ilike' end;
    return format('%s::text%s %s %L', v_column, v_compared.matched, v_operator, v_value #>> '{}');
  elsif v_operator in ('=', '!=', '<>', '<', '<=', '>', '>=') then
    return ablo.compare_sql(p_model, v_field, v_compared, replace(v_operator, '!=', '<>'), v_value);
  end if;
  perform ablo.raise_error('query_unsupported_operator',
    format('%s.%s: there is no operator %L', p_model.key, v_field.wire, left(v_operator, 40)),
    'use = != < <= > >= in not_in is is_not like not_like ilike not_ilike',
    jsonb_build_object('model', p_model.key, 'field', v_field.wire));
  return null;
end
$$;
