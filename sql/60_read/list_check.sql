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
  v_bytes int := octet_length(p_query::text);
  v_done text;  -- an assignment runs no query
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
      v_done := ablo.bound_check(v_name, v_name, jsonb_array_length(v_given),
        case v_name when 'groups' then 'name a group that contains them' when 'include' then 'list them separately'
          else 'use fewer terms' end);
    end if;
    -- The paths find terms of another shape. What is compared with "unknown" lacks a member.
    if jsonb_typeof(v_given) <> 'array' or jsonb_path_exists(v_given, case v_name
      when 'where' then 'strict $[*] ? (@.type() != "object" && !(@.type() == "array" && @.size() >= 2 && @.size() <= 3))'
      when 'orderBy' then 'strict $[*] ? (!(@.type() == "array" && @.size() >= 1 && @.size() <= 2))'
      when 'groups' then 'strict $[*] ? (@.type() != "string")'
      else 'strict $[*] ? (!(@.type() == "object") || ((@.name.type() == "string" && @.model.type() == "string"
        && @.field.type() == "string" && @.of.type() == "string") is unknown) || @.name.type() != "string"
        || @.model.type() != "string" || @.field.type() != "string" || @.of.type() != "string")' end::jsonpath)
    then
      perform ablo.raise_error('invalid_request', format('%s is not a list of terms: %s', v_name, left(v_given::text, 60)),
        case v_name when 'where' then 'pass [[field, operator, value], ...]'
          when 'groups' then 'pass ["kind:id", ...]' when 'include' then 'pass [{"name", "model", "field", "of"}, ...]' else 'pass [[field, "asc" or "desc"], ...]' end,
        jsonb_build_object('field', v_name));
    elsif v_name = 'where' and v_bytes > ablo.bound('in') then  -- a value takes a byte at least
      perform ablo.bound_check('in', v_name, (
        select sum((select count(*) from jsonb_path_query(e, 'strict $.**')) - 4)::bigint from jsonb_array_elements(v_given) e
         where jsonb_typeof(e) = 'object' or jsonb_typeof(e -> 2) = 'array'), 'ask for these in several queries');
    end if;
  end loop;
  v_done := ablo.bound_check('query_bytes', 'query', v_bytes, 'ask for less at once, in several queries');
end
$$;
