create or replace function ablo.track_sweep(p_limit int default 1000, p_keep interval default '7 days')
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Delete the tracks of participants that have made no commit for p_keep, at most p_limit; returns how many.
  -- Called by: ablo.track_put, administrators. Locks: the rows it deletes, skipping locked ones.
declare
  v_before timestamptz := clock_timestamp() - p_keep;
  v_count int;
begin
  delete from ablo.track t
   where t.ctid = any (array(select x.ctid from ablo.track x
                              where x.used_at < v_before
                              order by x.used_at
                              limit p_limit for update skip locked));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
