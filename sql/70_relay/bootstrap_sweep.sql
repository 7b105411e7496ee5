create or replace function ablo.bootstrap_sweep(p_limit int default 1000) returns int
language plpgsql volatile
as $$
  -- Delete start positions of local copies, after two minutes; at most p_limit; returns how many.
  -- Called by: ablo.housekeep. Locks: the rows it deletes, skipping locked ones.
declare
  v_count int;
begin
  delete from ablo.bootstrap b
   where (b.organization_id, b.key_id, b.sync_id) in (
     select x.organization_id, x.key_id, x.sync_id from ablo.bootstrap x
      where x.read_at < clock_timestamp() - interval '2 minutes'
      order by x.read_at limit p_limit for update skip locked);
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
