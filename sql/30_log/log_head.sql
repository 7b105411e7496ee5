create or replace function ablo.log_head(p_organization text) returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The watermark of an organization: its highest visible sync id; a reader that has it has all below it. 0 if
  -- there is no delta and none was dropped. One probe of the primary key.
begin
  return coalesce(
    (select d.sync_id from ablo.delta d where d.organization_id = p_organization
      order by d.sync_id desc limit 1),
    (select s.dropped_through from ablo.log_state s));
end
$$;
