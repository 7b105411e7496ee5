-- A filter's JSON value as a typed SQL literal. Called by: ablo.filter_sql, ablo.order_sql.
-- Raises: column_type_mismatch when the value cannot be one of the field's type.
create or replace function ablo.filter_literal(p_model ablo.model, p_field ablo.field, p_type text, p_value jsonb)
returns text
language plpgsql stable
as $$
declare
  v_json_type text := jsonb_typeof(p_value);
begin
  if p_type = 'jsonb' then
    return format('%L::jsonb', p_value);
  end if;
  if v_json_type in ('object', 'array', 'null')
    or (v_json_type = 'boolean') <> (p_type = 'boolean') and p_value not in ('"true"', '"false"')
    or p_type = 'text' and v_json_type <> 'string'
    or not ablo.text_is(p_value #>> '{}', p_type)
  then
    perform ablo.filter_refuse(p_model, p_field, '=', p_value, format('the field is of type %s', p_field.type));
  end if;
  return format('%L::%s', p_value #>> '{}', p_type);
end
$$;
