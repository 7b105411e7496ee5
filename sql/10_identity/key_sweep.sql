-- Forget minted keys that ended 30 days ago, with what was minted from them (it ended no later). So long
-- their holders are told that they have expired, and not that they never were.
-- Called by: ablo.key_mint. Returns how many. Bounded; skips what others hold.
create or replace function ablo.key_sweep(p_limit int) returns int
language plpgsql volatile
as $$
declare
  v_count int;
begin
  delete from ablo.api_key k where k.id in (
    select e.id from ablo.api_key e
     where e.parent_id is not null and e.expires_at < clock_timestamp() - interval '30 days'
     order by e.expires_at limit p_limit for update skip locked);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
