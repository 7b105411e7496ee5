create or replace function ablo.row_present(
  p_organization text,
  p_model text,
  p_row_id text,
  p_operations jsonb,
  p_before bigint,
  out sync_id bigint,
  out actor text
)
language plpgsql volatile
as $$
  -- Whether a row exists, for a premise that it does not: its last delta decides, unless it is a delete. A row
  -- that never produced a delta (it existed before the model) is looked up, unless the commit creates it: if it
  -- had existed, its key would have clashed. Only rows that the key and its participant may see exist.
  -- Called by: ablo.reads_stale, under the order lock; waits for nothing.
declare
  v_op text;
  v_model ablo.model;
  v_old boolean;
  v_key ablo.key_rights := ablo.key_acting();
begin
  if (v_key.sync_groups is not null or not ablo_model.sees(p_model, null, null, null)) and not ablo.row_seen(p_organization, v_key, p_model, p_row_id) then
    return;
  end if;
  select d.sync_id, d.actor, d.op into sync_id, actor, v_op
    from ablo.delta d
   where d.organization_id = p_organization and d.model = p_model
     and (d.row_id, d.sync_id) > (p_row_id, 0) and (d.row_id, d.sync_id) <= (p_row_id, p_before)
   order by d.row_id desc, d.sync_id desc
   limit 1;
  if v_op is not null then
    if v_op = 'D' then
      sync_id := null;
    end if;
    return;
  end if;
  if exists (select from jsonb_array_elements(p_operations) o
              where lower(o ->> 'action') = 'create' and o ->> 'id' = p_row_id and ablo_model.resolve(o ->> 'model') = p_model)
  then
    return;
  end if;
  select * into v_model from ablo.model m where m.typename = p_model;
  execute format('select true from %I.%I t where t.%I::text = $1', v_model.table_schema, v_model.table_name,
      ablo.id_column(v_model))
    into v_old using p_row_id;
  if v_old then
    sync_id := ablo.log_head(p_organization);
  end if;
end
$$;
