-- Check the shape of a list's query before anything is made of it: an object, whose where is an array
-- of [field, operator, value] (or [field, value]) and whose orderBy is an array of [field, direction].
-- Called by: ablo.row_list. Raises: invalid_request.
create or replace function ablo.list_check(p_query jsonb) returns void
language plpgsql stable
as $$
declare
  v_name text;
  v_given jsonb;
begin
  if jsonb_typeof(p_query) is distinct from 'object' then
    perform ablo.raise_error('invalid_request',
      format('the query of a list is %s, not an object', coalesce(jsonb_typeof(p_query), 'missing')),
      'pass {"where", "orderBy", "limit", "after", "archived"}');
  end if;
  foreach v_name in array array['where', 'orderBy'] loop
    v_given := nullif(p_query -> v_name, 'null');
    continue when v_given is null;
    if jsonb_typeof(v_given) <> 'array'
      or exists (select from jsonb_array_elements(v_given) e
                  where case when jsonb_typeof(e) = 'array'
                          then jsonb_array_length(e) not between 2 and 3 and v_name = 'where'
                            or jsonb_array_length(e) not between 1 and 2 and v_name = 'orderBy'
                          else true end)
    then
      perform ablo.raise_error('invalid_request', format('%s is not a list of terms: %s', v_name, left(v_given::text, 60)),
        case v_name when 'where' then 'pass [[field, operator, value], ...]' else 'pass [[field, "asc" or "desc"], ...]' end,
        jsonb_build_object('field', v_name));
    end if;
  end loop;
end
$$;
