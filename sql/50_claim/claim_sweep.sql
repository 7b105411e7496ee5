create or replace function ablo.claim_sweep(p_keep interval default '10 minutes', p_limit int default 1000) returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
  -- Delete claims that ended more than p_keep ago, with the targets that have no other, and end expired ones that
  -- have not been accessed since. At most p_limit of each; returns how many were deleted or ended. Not needed for
  -- safety: expiry is decided on access.
  -- Called by: ablo.claim_acquire, one in 64; administrators. Locks: the rows it touches, skipping locked ones.
declare
  v_before timestamptz := clock_timestamp() - p_keep;  -- a value, so that the index can be used
  v_ended int;
  v_swept int;
begin
  update ablo.claim c set status = 'expired', ended_at = c.expires_at
   where (c.organization_id, c.id) in (
     select x.organization_id, x.id from ablo.claim x
      where x.status in ('active', 'queued') and x.expires_at < v_before
      order by x.expires_at limit p_limit for no key update skip locked);
  get diagnostics v_ended = row_count;
  with old as (
    delete from ablo.claim c
     where (c.organization_id, c.id) in (
       select x.organization_id, x.id from ablo.claim x
        where x.ended_at < v_before
        order by x.ended_at limit p_limit for update skip locked)
    returning c.organization_id, c.model, c.row_id, c.fence_token),
  idle as (  -- there was no later grant, and there are no waiters
    select t.*
      from (select o.organization_id, o.model, o.row_id, coalesce(max(o.fence_token), 0) as fence_token
              from old o group by 1, 2, 3) o
     cross join lateral (
       select x.organization_id, x.model, x.row_id from ablo.claim_target x
        where x.organization_id = o.organization_id and x.model = o.model and x.row_id = o.row_id
          and x.fence_token <= o.fence_token
          and not exists (select from ablo.claim c
                           where c.organization_id = x.organization_id and c.model = x.model and c.row_id = x.row_id
                             and c.status in ('active', 'queued'))
          for update skip locked) t),
  forgotten as (
    delete from ablo.claim_target t using idle i
     where t.organization_id = i.organization_id and t.model = i.model and t.row_id = i.row_id
    returning t.fence_token),
  floor as (
    update ablo.claim_floor f set fence_token = greatest(f.fence_token, (select max(g.fence_token) from forgotten g))
     where exists (select from forgotten))
  select count(*) into v_swept from old;
  return v_ended + v_swept;
end
$$;
