create or replace function ablo.filter_literal(p_model ablo.model, p_field ablo.field, p_type text, p_value jsonb)
returns text
language plpgsql stable
as $$
  -- A filter's JSON value as a typed SQL literal. A number that no real can represent compares as double
  -- precision: then nothing equals it, and less and greater still work.
  -- Called by: ablo.compare_sql. p_type: see ablo.field_compared. Raises: column_type_mismatch if the value
  -- cannot be of the column's type.
declare
  v_json_type text := jsonb_typeof(p_value);
  v_type text := p_type;
begin
  if p_type = 'jsonb' then
    return format('%L::jsonb', p_value);
  elsif p_field.type = 'json' then  -- the column is an array
    if v_json_type <> 'array' then
      perform ablo.filter_refuse(p_model, p_field, '=', p_value, 'the column is an array');
    end if;
    return format('array(select jsonb_array_elements_text(%L::jsonb))::%s', p_value, p_type);
  end if;
  if p_type = 'bigint' and v_json_type = 'number' and p_value::numeric % 1 = 0 then
    p_value := to_jsonb(trunc(p_value::numeric));  -- 1.0, which is 1
  end if;
  if p_type = 'real' and not ablo.text_is(p_value #>> '{}', 'real') then
    v_type := 'double precision';
  end if;
  if v_json_type in ('object', 'array', 'null')
    or (v_json_type = 'boolean') <> (p_type = 'boolean') and p_value not in ('"true"', '"false"')
    or p_field.type in ('string', 'enum') and p_type not in ('bigint', 'uuid') and v_json_type <> 'string'
    or not ablo.text_is(p_value #>> '{}', v_type)
  then
    perform ablo.filter_refuse(p_model, p_field, '=', p_value,
      case when p_field.wire <> 'id' then format('the field is of type %s', p_field.type) else format('ids are of type %s', p_type) end);
  end if;
  return format('%L::%s', p_value #>> '{}', v_type);
end
$$;
