create or replace function ablo.list_limit(p_query jsonb) returns int
language plpgsql stable
as $$
  -- The page size of a list: 100, at most 1000. Called by: ablo.row_list. Raises: invalid_request.
declare
  v_limit jsonb := coalesce(nullif(p_query -> 'limit', 'null'), '100');
begin
  if jsonb_typeof(v_limit) <> 'number' or v_limit::numeric % 1 <> 0 or v_limit::numeric not between 1 and 1000 then
    perform ablo.raise_error('invalid_request', format('limit cannot be %s', left(v_limit::text, 40)),
      'pass a whole number from 1 to 1000, and page with after=', '{"field": "limit"}');
  end if;
  return v_limit::int;
end
$$;
