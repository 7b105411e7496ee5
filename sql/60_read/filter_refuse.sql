create or replace function ablo.filter_refuse(
  p_model ablo.model, p_field ablo.field, p_operator text, p_value jsonb, p_message text
) returns void
language plpgsql stable
as $$
  -- Refuse a filter value; the message shows its JSON type and at most 40 characters of it.
  -- Called by: ablo.filter_sql, ablo.filter_literal. Raises: column_type_mismatch.
begin
  perform ablo.raise_error('column_type_mismatch',
    format('filter %s.%s %s cannot take the %s %s', p_model.key, p_field.wire, p_operator,
      coalesce(jsonb_typeof(p_value), 'null'), left(coalesce(p_value::text, 'null'), 40)),
    p_message, jsonb_build_object('model', p_model.key, 'field', p_field.wire));
end
$$;
