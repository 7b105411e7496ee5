create or replace function ablo.row_read(p_organization text, p_model ablo.model, p_id text, p_groups text[]) returns json
language plpgsql stable
as $$
  -- One row and its stamp: {"row": {...} | null, "stamp": n}, as ablo.row_get has it. p_groups: the sync groups
  -- that the reader's key is bound to; a row outside them reads as missing. Null: all. So does a row that the participant
  -- may not read.
  -- Called by: ablo.row_get, ablo.commit_rows, which have checked that the reader may read the model. Locks: none.
declare
  v_row json;
begin
  if p_model.id_type <> 'text' then
    p_id := ablo.row_id(p_model.id_type, p_id);
  end if;
  if p_groups is null and p_model.definition ->> 'readsFunction' is null then
    v_row := ablo.row_shown(p_model.typename, ablo_model.read(p_model.typename, p_id));
    return json_build_object('row', v_row, 'stamp', ablo.row_stamp(p_organization, p_model.typename, p_id));
  end if;
  execute format('select ablo_model.%I(t.*) from %I.%I t where t.%I = $1::%s%s',
      p_model.row_function, p_model.table_schema, p_model.table_name, ablo.id_column(p_model), p_model.id_type,
      case when p_model.org_column is not null then format(' and t.%I = $2', p_model.org_column) else ' and $2 <> ''''' end
        || ablo.groups_sql(p_model, p_groups) || ablo.reads_sql(p_model))
    into v_row using p_id, p_organization;
  return json_build_object('row', ablo.row_shown(p_model.typename, v_row), 'stamp', case
    when v_row is null then ablo.log_head(p_organization)
    else ablo.row_stamp(p_organization, p_model.typename, p_id) end);
end
$$;
