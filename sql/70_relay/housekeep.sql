create or replace function ablo.housekeep(p_limit int default 1000) returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Delete expired rows: receipts after 24 hours, ended claims after 10 minutes, tracks of participants gone for
  -- 7 days, marks of bootstraps after two minutes, claim events after an hour, at most p_limit of each; returns
  -- the number of the most numerous, so that a caller knows whether to call again. Callers cannot change these
  -- times.
  -- Called by: relays once a minute, and pools of the library when they open a connection, at most once a minute.
  -- One at a time: a concurrent call does nothing. Locks: the rows it deletes, skipping locked ones.
begin
  if not pg_try_advisory_xact_lock(ablo.housekeep_key()) then
    return 0;
  end if;
  return greatest(
    ablo.receipt_sweep('24 hours', least(greatest(p_limit, 0), 10000)),
    ablo.claim_sweep('10 minutes', least(greatest(p_limit, 0), 10000)),
    ablo.track_sweep(least(greatest(p_limit, 0), 10000)),
    ablo.claim_event_sweep(least(greatest(p_limit, 0), 10000)),
    ablo.bootstrap_sweep(least(greatest(p_limit, 0), 10000)));
end
$$;
