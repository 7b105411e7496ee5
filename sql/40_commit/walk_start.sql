create or replace function ablo.walk_start(p_organization text, p_read_at bigint, p_before bigint) returns bigint
language plpgsql volatile
as $$
  -- Where a walk over an organization's deltas since p_read_at begins: there, or at the oldest of the last
  -- ablo.walk_limit() deltas before p_before, if that is later: then the walk cannot see everything.
  -- Called by: ablo.walk_check, ablo.track_groups. One probe of the primary key, except for an old read, for
  -- which it walks the index once.
declare
  v_start bigint;
begin
  if least(p_before, pg_sequence_last_value('ablo.sync_id'::regclass)) - p_read_at > ablo.walk_limit() then
    select d.sync_id into v_start from ablo.delta d
     where d.organization_id = p_organization and d.sync_id > p_read_at and d.sync_id <= p_before
     order by d.sync_id desc
     offset ablo.walk_limit() limit 1;
  end if;
  return coalesce(v_start, p_read_at);
end
$$;
