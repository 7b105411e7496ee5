create or replace function ablo.claim_event_sweep(p_limit int default 1000) returns int
language plpgsql volatile
as $$
  -- Delete claim events of more than an hour ago; at most p_limit; returns how many.
  -- Called by: ablo.housekeep. Locks: the rows it deletes, skipping locked ones.
declare
  v_before timestamptz := clock_timestamp() - interval '1 hour';  -- a value, so that the index can be used
  v_count int;
begin
  delete from ablo.claim_event e
   where e.ctid = any (array(select x.ctid from ablo.claim_event x
                              where x.at < v_before order by x.at limit p_limit for update skip locked));
  get diagnostics v_count = row_count;
  return v_count;
end
$$;
