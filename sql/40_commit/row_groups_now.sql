create or replace function ablo.row_groups_now(p_organization text, p_typename text, p_id text) returns text[]
language plpgsql volatile
as $$
  -- The current sync groups of a row, or null: there is no row. Rows of a model without organizations have none
  -- either.
  -- Called by: ablo.key_check_operation, ablo.key_check_references, ablo.row_seen, ablo.live_read. EXECUTE:
  -- only if a key is limited to sync groups.
declare
  v_model ablo.model;
  v_groups text[];
  v_query text;
begin
  select * into v_model from ablo.model m where m.typename = p_typename;
  if v_model.definition ->> 'groupsFunction' is null then
    return null;
  end if;
  v_query := format('select ablo_model.%I(t.*) from %I.%I t where t.%I = $1::%s and t.%I = $2',
      v_model.definition ->> 'groupsFunction', v_model.table_schema, v_model.table_name,
      ablo.id_column(v_model), v_model.id_type, v_model.org_column);
  if v_model.id_type = 'text' then
    execute v_query into v_groups using p_id, p_organization;
  else
    begin
      execute v_query into v_groups using p_id, p_organization;
    exception when data_exception then  -- an id that the column cannot hold names no row
      return null;
    end;
  end if;
  return v_groups;
end
$$;
