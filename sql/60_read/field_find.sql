create or replace function ablo.field_find(p_model ablo.model, p_name text) returns ablo.field
language plpgsql stable
as $$
  -- A field of a model by its JSON name or its column.
  -- Called by: filters and orders. Raises: query_invalid_identifier, with the known names.
declare
  v_field ablo.field;
begin
  select * into v_field from ablo.field f
   where f.typename = p_model.typename and p_name in (f.wire, f.column_name)
   order by f.wire = p_name desc limit 1;
  if v_field.wire is null then
    perform ablo.raise_error('query_invalid_identifier',
      format('%s has no field %s', p_model.key, coalesce(quote_literal(left(p_name, 80)), 'NULL')),
      'use one of: ' || (select string_agg(f.wire, ', ' order by f.position) from ablo.field f where f.typename = p_model.typename),
      jsonb_build_object('model', p_model.key, 'field', left(p_name, 80)));
  end if;
  return v_field;
end
$$;
