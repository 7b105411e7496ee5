create or replace function ablo.filter_ids(p_ids jsonb) returns text[]
language plpgsql stable
as $$
  -- The ids of the rows on a page, as a filter premise names them.
  -- Called by: ablo.filter_stale. Raises: invalid_request unless it is a list of at most 1000 ids.
begin
  if coalesce(p_ids, 'null') = 'null' then
    return '{}';
  elsif jsonb_typeof(p_ids) <> 'array' or jsonb_array_length(p_ids) > 1000
    or exists (select from jsonb_array_elements(p_ids) e where jsonb_typeof(e) <> 'string')
  then
    perform ablo.raise_error('invalid_request', 'ids of a premise is not a list of at most 1000 row ids',
      'pass the ids of the rows on the page', '{"field": "reads"}');
  end if;
  return array(select jsonb_array_elements_text(p_ids));
end
$$;
