create or replace function ablo.log_head(p_organization text) returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
  -- The watermark of an organization: its highest visible sync id; a reader that has it has all below it. 0 if
  -- there is no delta and none was dropped. One probe of the primary key; if the organization has not changed in
  -- the newest partitions, one of each.
declare
  v_floor bigint := ablo.log_floor();
  v_head bigint := (select d.sync_id from ablo.delta d where d.organization_id = p_organization and d.sync_id > v_floor
                     order by d.sync_id desc limit 1);
begin
  if v_head is null and v_floor > 0 then
    v_head := (select d.sync_id from ablo.delta d where d.organization_id = p_organization order by d.sync_id desc limit 1);
  end if;
  return coalesce(v_head, (select s.dropped_through from ablo.log_state s));
end
$$;
