create or replace function ablo.key_sweep(p_limit int) returns int
language plpgsql volatile
as $$
  -- Delete keys that expired 30 days ago and that were minted or replaced, with the keys minted from them (which
  -- ended no later). Until then their holders get "expired", not "unknown". A key that replaced a deleted one
  -- takes over the keys derived from it: the line holds, and revoking an older key of it still ends the newer
  -- ones.
  -- Called by: ablo.key_mint, ablo.key_rotate. Returns how many. Bounded; skips locked rows.
declare
  v_old ablo.api_key;
  v_count int := 0;
begin
  for v_old in
    select e.* from ablo.api_key e
     where e.expires_at < clock_timestamp() - interval '30 days'
       and (e.parent_id is not null or exists (select from ablo.api_key n where n.rotated_from = e.id))
     order by e.expires_at limit p_limit for update skip locked
  loop
    update ablo.api_key k set rotated_from = (select o.rotated_from from ablo.api_key o where o.id = v_old.id)
     where k.rotated_from = v_old.id;
    delete from ablo.api_key k where k.id = v_old.id;
    v_count := v_count + 1;
  end loop;
  return v_count;
end
$$;
