create or replace function ablo.list_where(
  p_organization text, p_participant text, p_model ablo.model, p_query jsonb, p_capability_id text
) returns text
language plpgsql stable
as $$
  -- The condition of a row t that a query (ablo.row_list) selects and its caller may read, as SQL.
  -- Called by: ablo.row_list, ablo.row_aggregate. Raises: query_*, column_type_mismatch, invalid_request, and what
  -- ablo.key_check_read raises.
declare
  v_where text := 'true';
  v_clauses jsonb := coalesce(nullif(p_query -> 'where', 'null'), '[]');
begin
  if p_model.org_column is not null then
    v_where := format('t.%I = %L', p_model.org_column, p_organization);
  end if;
  v_where := v_where || ablo.reads_sql(p_model);
  if p_capability_id is not null then
    v_where := v_where || ablo.groups_sql(p_model,
      (ablo.key_check_read(p_organization, p_participant, p_capability_id, p_model.typename)).sync_groups);
  end if;
  if p_query ->> 'groups' is not null then
    v_where := v_where || ablo.groups_sql(p_model, array(select jsonb_array_elements_text(p_query -> 'groups')));
  end if;
  if p_model.archived_column is not null and coalesce(p_query ->> 'archived', 'false') <> 'true' then
    v_where := v_where || format(' and t.%I is null', p_model.archived_column);
  end if;
  for v_index in 0 .. jsonb_array_length(v_clauses) - 1 loop
    v_where := v_where || ' and ' || ablo.predicate_sql(p_model, v_clauses -> v_index);
  end loop;
  return v_where;
end
$$;
