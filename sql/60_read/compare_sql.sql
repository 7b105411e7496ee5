create or replace function ablo.compare_sql(
  p_model ablo.model, p_field ablo.field, p_compared record, p_operator text, p_value jsonb
) returns text
language plpgsql stable
as $$
  -- "column operator literal" as SQL text over alias t, by the column's own comparison. p_compared:
  -- ablo.field_compared of the field. Called by: ablo.filter_sql, ablo.keyset_sql.
  -- Raises: column_type_mismatch.
begin
  return format('t.%I %s %s', p_field.column_name, coalesce(p_compared.operators ->> p_operator, p_operator),
    ablo.filter_literal(p_model, p_field, p_compared.type, p_value));
end
$$;
