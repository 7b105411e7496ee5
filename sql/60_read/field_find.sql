create or replace function ablo.field_find(p_model ablo.model, p_name text) returns ablo.field
language plpgsql stable
as $$
  -- A field of a model by its JSON name or its column.
  -- Called by: filters, orders and totals, with who acts set. Raises: query_invalid_identifier, with the known names;
  -- permission_denied for a field that the participant may not read.
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
  if v_field.wire = any (ablo_model.hidden(p_model.typename, current_setting('app.current_participant_id', true))) then
    perform ablo.raise_error('permission_denied',
      format('%s: this participant may not read the field %s, nor what depends on it', p_model.key, v_field.wire),
      'leave the field out; see field(read=...) in the schema', jsonb_build_object('model', p_model.key, 'field', v_field.wire));
  end if;
  return v_field;
end
$$;
