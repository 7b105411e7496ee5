create or replace function ablo.claim_fields(p_request jsonb) returns text[]
language plpgsql immutable
as $$
  -- The part of a row in a claim request: field names, null for the whole row.
  -- Called by: ablo.claim_acquire. Raises: invalid_request.
declare
  v_given jsonb := coalesce(nullif(p_request -> 'fields', 'null'), jsonb_build_array(p_request -> 'field'));
  v_fields text[];
begin
  if v_given = '[null]' then
    return null;
  end if;
  if jsonb_typeof(v_given) <> 'array' or jsonb_array_length(v_given) > 100
    or exists (select from jsonb_array_elements(v_given) e
                where jsonb_typeof(e) not in ('string', 'null') or e #>> '{}' like '%,%' or e #>> '{}' = ''
                   or length(e #>> '{}') > 200)
  then
    perform ablo.raise_error('invalid_request', format('fields of a claim cannot be %s', left(v_given::text, 80)),
      'pass up to 100 field names without commas, or none for the whole row', '{"field": "fields"}');
  end if;
  select array_agg(distinct e #>> '{}') into v_fields from jsonb_array_elements(v_given) e where e <> 'null';
  return v_fields;
end
$$;
