create or replace function ablo.row_groups(p_organization text, p_model text, p_row_id text) returns text[]
language plpgsql stable
as $$
  -- The sync groups under which a row was last sent before this transaction: subscribers that could see it then
  -- must receive its removal. Deltas of this transaction are ignored: the owners may have been gone already when
  -- they were made.
  -- Called by: capture functions of models with ownership chains, on delete. One probe of delta_row_idx; for a
  -- row that has not changed in the newest partitions, one of each.
declare
  v_floor bigint := ablo.log_floor();
  v_groups text[];
begin
  loop
    v_groups := (
      select d.groups from ablo.delta d
       where d.organization_id = p_organization and d.model = p_model and d.sync_id > v_floor
         and (d.row_id, d.sync_id) > (p_row_id, v_floor) and (d.row_id, d.sync_id) <= (p_row_id, 9223372036854775807)
         and d.xid <> pg_current_xact_id()
       order by d.row_id desc, d.sync_id desc
       limit 1);
    exit when v_groups is not null or v_floor = 0;
    v_floor := 0;
  end loop;
  return v_groups;
end
$$;
