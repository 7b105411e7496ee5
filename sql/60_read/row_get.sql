create or replace function ablo.row_get(
  p_organization text, p_participant text, p_model text, p_id text, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- One row and its stamp, from one snapshot: {"row": {...} | null, "stamp": n}. The stamp is the id of the row's
  -- last delta; for a row without one, and for a missing row, the organization's watermark. p_capability_id: the
  -- caller's key; a row outside its sync groups reads as missing.
  -- Called by: clients. STABLE, so that both reads see the caller's snapshot. Locks: none. Raises:
  -- server_execute_unknown_model, identity_missing_organization, and the errors of ablo.capability_read.
declare
  v_row json;
  v_model ablo.model := ablo.read_model(p_organization, p_participant, p_model);
  v_groups text[] := case when p_capability_id is not null
    then (ablo.capability_read(p_organization, p_participant, p_capability_id, v_model.typename)).sync_groups end;
begin
  if v_model.id_type <> 'text' then
    p_id := ablo.row_id(v_model.id_type, p_id);
  end if;
  if v_groups is null then
    v_row := ablo_model.read(v_model.typename, p_id);
    return json_build_object('row', v_row, 'stamp', ablo.row_stamp(p_organization, v_model.typename, p_id));
  end if;
  execute format('select ablo_model.%I(t.*) from %I.%I t where t.%I = $1::%s%s',
      v_model.row_function, v_model.table_schema, v_model.table_name, ablo.id_column(v_model), v_model.id_type,
      case when v_model.org_column is not null then format(' and t.%I = $2', v_model.org_column) else ' and $2 <> ''''' end
        || ablo.groups_sql(v_model, v_groups))
    into v_row using p_id, p_organization;
  return json_build_object('row', v_row, 'stamp', case
    when v_row is null then ablo.log_head(p_organization)
    else ablo.row_stamp(p_organization, v_model.typename, p_id) end);
end
$$;
