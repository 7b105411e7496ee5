create or replace function ablo.receipt_sweep(p_keep interval default '24 hours', p_limit int default 10000)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
as $$
  -- Delete receipts older than p_keep, at most p_limit of them, and their replay records; returns how many
  -- receipts.
  -- Called by: ablo.housekeep, administrators. Locks: the rows it deletes, skipping locked ones.
declare
  v_before timestamptz := clock_timestamp() - p_keep;  -- a value, so that the index can be used
  v_count int;
begin
  delete from ablo.receipt r
   where r.ctid = any (array(select x.ctid from ablo.receipt x
                              where x.created_at < v_before order by x.created_at
                              limit p_limit for update skip locked));
  get diagnostics v_count = row_count;
  delete from ablo.receipt_replay r
   where r.ctid = any (array(select x.ctid from ablo.receipt_replay x
                              where x.replayed_at < v_before order by x.replayed_at
                              limit p_limit for update skip locked));
  return v_count;
end
$$;
