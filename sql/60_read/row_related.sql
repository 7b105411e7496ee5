create or replace function ablo.row_related(
  p_organization text, p_participant text, p_include jsonb, p_rows json[], p_capability_id text
) returns json
language plpgsql stable
as $$
  -- The rows that belong to listed rows, as ablo.row_list reads them, of the caller's snapshot: {name: {"data", "evidence"}}.
  -- p_include: [{"name", "model", "field": of the related rows, "of": the listed rows' field that has the same value,
  -- "orderBy"}]. A row that others name by its id is read even if it is archived, as by ablo.row_get.
  -- Called by: ablo.row_list. Raises: what that raises; response_too_large.
declare
  v_part jsonb;
  v_values jsonb;
  v_page json;
  v_size bigint := 0;
  v_names text[] := '{}';
  v_pages json[] := '{}';
begin
  for v_part in select e from jsonb_array_elements(p_include) e loop
    v_values := (select jsonb_agg(distinct r ->> (v_part ->> 'of')) from unnest(p_rows) r where r ->> (v_part ->> 'of') is not null);
    v_page := '{"data": [], "evidence": []}';
    if v_values is not null then
      v_page := ablo.row_list(p_organization, p_participant, v_part ->> 'model', jsonb_build_object(
        'where', jsonb_build_array(jsonb_build_array(v_part -> 'field', 'in', v_values)), 'limit', 1000,
        'orderBy', v_part -> 'orderBy', 'archived', v_part ->> 'field' = 'id'), p_capability_id);
    end if;
    v_size := v_size + octet_length(v_page::text);
    if v_page ->> 'hasMore' = 'true' or v_size > ablo.bound('answer_bytes') then
      perform ablo.raise_error('response_too_large',
        format('%s: more than 1000 rows, or more than %s bytes with the others', v_part ->> 'name', ablo.bound('answer_bytes')),
        'list fewer rows at once, or list the related rows separately', jsonb_build_object('field', 'include'));
    end if;
    v_names := v_names || (v_part ->> 'name');
    v_pages := v_pages || v_page;
  end loop;
  return (select json_object_agg(n, json_build_object('data', p -> 'data', 'evidence', p -> 'evidence')) from unnest(v_names, v_pages) u(n, p));
end
$$;
