create or replace function ablo.row_aggregate(
  p_organization text, p_participant text, p_model text, p_query jsonb, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Counts, sums, least and greatest values of the rows that a list would find, with the watermark, of one snapshot:
  -- {"stamp", "groups": [{"key", "count", "of": {"sum": {field: text}, "min": {field: value}, "max": {field: value}}}], "compares"}.
  -- p_query: "where", "archived" and "groups" as of ablo.row_list, "groupBy": a field (at most 1000 values), "sum", "min",
  -- "max": fields. Without groupBy there is one group, with the key null. Sums are exact, as text; of floats they are
  -- numbers. compares: of the fields that are named, what ablo.field_compares says. Called by: clients. STABLE: one
  -- snapshot. Raises: as ablo.row_list; response_too_large.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_model ablo.model := ablo.read_model(p_model);
  v_key text := 'null::text';
  v_shown text := 'g.key';
  v_terms text := '';
  v_how text;
  v_name text;
  v_names text[];
  v_operand record;
  v_where text;
  v_groups json;
  v_compares json;
begin
  perform ablo.list_check(p_query);
  v_names := array(select f from jsonb_array_elements(coalesce(nullif(p_query -> 'where', 'null'), '[]')) e, ablo.predicate_fields(e) f);
  if p_query ->> 'groupBy' is not null then
    v_operand := ablo.aggregate_operand(v_model, 'groupBy', p_query ->> 'groupBy');
    v_key := v_operand.sql || case v_operand.kind when 'text' then ' collate "C"' else '' end;  -- each text apart
    v_shown := case v_operand.kind when 'decimal' then 'g.key::text' else 'g.key' end;
    v_names := v_names || (p_query ->> 'groupBy');
  end if;
  foreach v_how in array array['sum', 'min', 'max'] loop
    v_terms := v_terms || format(', %L, json_build_object(', v_how);
    for v_name in select jsonb_array_elements_text(coalesce(nullif(p_query -> v_how, 'null'), '[]')) loop
      v_operand := ablo.aggregate_operand(v_model, v_how, v_name);
      v_terms := v_terms || format(
        case when v_how <> 'sum' and v_operand.kind <> 'decimal' then '%L, %s(%s), '
          when v_how <> 'sum' then '%L, %s(%s)::text, '
          when v_operand.kind = 'number' then '%L, coalesce(%s(%s), 0), ' else '%L, coalesce(%s(%s), 0)::text, ' end,
        v_operand.wire, v_how, v_operand.sql);
      v_names := v_names || v_name;
    end loop;
    v_terms := rtrim(v_terms, ', ') || ')';
  end loop;
  v_where := ablo.list_where(p_organization, p_participant, v_model, p_query, p_capability_id);
  execute format(
    'select coalesce(json_agg(json_build_object(''key'', %7$s, ''count'', g.n, ''of'', g.of) order by g.key), ''[]'') from (
       select %1$s as key, count(*) as n, json_build_object(%2$s) as of from %3$I.%4$I t where %5$s %6$s limit 1001) g',
    v_key, ltrim(v_terms, ', '), v_model.table_schema, v_model.table_name, v_where,
    case when p_query ->> 'groupBy' is null then '' else 'group by 1' end, v_shown) into v_groups;
  if json_array_length(v_groups) > 1000 then
    perform ablo.raise_error('response_too_large', format('%s has more than 1000 values', left(p_query ->> 'groupBy', 80)),
      'group by a field with fewer values, or filter the rows', '{"field": "groupBy"}');
  end if;
  select coalesce(json_object_agg(n, ablo.field_compares(v_model, n)), '{}') into v_compares
    from (select distinct (ablo.field_find(v_model, x)).wire as n from unnest(v_names) x) names;
  return ablo.identity_restore(v_found, json_build_object('stamp', ablo.log_head(p_organization), 'groups', v_groups, 'compares', v_compares));
end
$$;
