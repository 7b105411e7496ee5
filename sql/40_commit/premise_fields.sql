create or replace function ablo.premise_fields(p_model text, p_fields jsonb) returns text[]
language plpgsql stable
as $$
  -- The fields that a premise is about, or null for the whole row. A name that the model does not have would
  -- never be among the changed ones: the premise would always hold.
  -- Called by: ablo.premise_stale. Raises: invalid_request, unknown_field.
declare
  v_fields text[];
  v_unknown text;
begin
  if p_fields is null then
    return null;
  elsif jsonb_typeof(p_fields) <> 'array' or p_fields = '[]' then
    perform ablo.raise_error('invalid_request',
      format('fields of a premise on %s is %s, not a list of names', p_model, left(p_fields::text, 40)),
      'pass the names of the fields that were read, or leave it out for the whole row',
      jsonb_build_object('model', p_model, 'field', 'fields'));
  end if;
  v_fields := array(select jsonb_array_elements_text(p_fields));
  select u into v_unknown from unnest(v_fields) u
   where not exists (select from ablo.field f where f.typename = p_model and f.wire = u)
   limit 1;
  if found then
    perform ablo.raise_error('unknown_field',
      format('a premise on %s names the field %s, which the model does not have', p_model, quote_nullable(left(v_unknown, 80))),
      'use one of: ' || (select string_agg(f.wire, ', ' order by f.position) from ablo.field f where f.typename = p_model),
      jsonb_build_object('model', p_model, 'field', left(v_unknown, 80)));
  end if;
  return v_fields;
end
$$;
