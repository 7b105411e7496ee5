-- Forget claims that ended more than p_keep ago, and end those nobody has looked at since they ran
-- out; at most p_limit of each. Returns how many. Not needed for safety: expiry is decided on access.
-- Called by: the daemon, administrators. Locks: the rows it touches, skipping locked ones.
create or replace function ablo.claim_sweep(p_keep interval default '10 minutes', p_limit int default 1000) returns int
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_ended int;
  v_deleted int;
begin
  update ablo.claim c set status = 'expired', ended_at = clock_timestamp()
   where (c.organization_id, c.id) in (
     select x.organization_id, x.id from ablo.claim x
      where x.status in ('active', 'queued') and x.expires_at < clock_timestamp() - p_keep
      limit p_limit for update skip locked);
  get diagnostics v_ended = row_count;
  delete from ablo.claim c
   where (c.organization_id, c.id) in (
     select x.organization_id, x.id from ablo.claim x
      where x.ended_at < clock_timestamp() - p_keep
      order by x.ended_at limit p_limit for update skip locked);
  get diagnostics v_deleted = row_count;
  return v_ended + v_deleted;
end
$$;
