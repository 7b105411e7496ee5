create or replace function ablo.list_check(p_query jsonb) returns void
language plpgsql stable
as $$
  -- Check the shape of a list's query before it is used: an object, whose where is an array of [field, operator,
  -- value] (or [field, value]) or of objects (ablo.predicate_sql), whose orderBy is one of [field, direction], whose
  -- include is one of objects (ablo.row_related).
  -- Called by: ablo.row_list, ablo.row_aggregate. Raises: invalid_request.
declare
  v_name text;
  v_given jsonb;
begin
  if jsonb_typeof(p_query) is distinct from 'object' then
    perform ablo.raise_error('invalid_request',
      format('the query of a list is %s, not an object', coalesce(jsonb_typeof(p_query), 'missing')),
      'pass {"where", "orderBy", "limit", "after", "archived"}');
  end if;
  foreach v_name in array array['where', 'orderBy', 'groups', 'include'] loop
    v_given := nullif(p_query -> v_name, 'null');
    continue when v_given is null;
    if jsonb_typeof(v_given) = 'array' then
      perform ablo.bound_check(v_name, v_name, jsonb_array_length(v_given),
        case v_name when 'groups' then 'name a group that contains them' when 'include' then 'list them separately'
          else 'use fewer terms' end);
    end if;
    if jsonb_typeof(v_given) <> 'array'
      or exists (select from jsonb_array_elements(v_given) e
                  where case when jsonb_typeof(e) = 'array'
                          then v_name in ('groups', 'include')
                            or jsonb_array_length(e) not between 2 and 3 and v_name = 'where'
                            or jsonb_array_length(e) not between 1 and 2 and v_name = 'orderBy'
                          else jsonb_typeof(e) <> case v_name when 'groups' then 'string' when 'orderBy' then '' else 'object' end
                        or v_name = 'include' and (
                          select count(*) from unnest(array['name', 'model', 'field', 'of']) k where jsonb_typeof(e -> k) = 'string') < 4 end)
    then
      perform ablo.raise_error('invalid_request', format('%s is not a list of terms: %s', v_name, left(v_given::text, 60)),
        case v_name when 'where' then 'pass [[field, operator, value], ...]'
          when 'groups' then 'pass ["kind:id", ...]' when 'include' then 'pass [{"name", "model", "field", "of"}, ...]' else 'pass [[field, "asc" or "desc"], ...]' end,
        jsonb_build_object('field', v_name));
    elsif v_name = 'where' then
      perform ablo.bound_check('in', v_name, (
        select sum((select count(*) from jsonb_path_query(e, 'strict $.**')) - 4)::bigint from jsonb_array_elements(v_given) e
         where jsonb_typeof(e) = 'object' or jsonb_typeof(e -> 2) = 'array'), 'ask for these in several queries');
    end if;
  end loop;
  perform ablo.bound_check('query_bytes', 'query', octet_length(p_query::text), 'ask for less at once, in several queries');
end
$$;
