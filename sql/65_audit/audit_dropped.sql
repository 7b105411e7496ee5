-- How far retention has dropped the log, as far as that is true: it drops whole partitions, so whatever
-- lies in one that is still there was not dropped, whatever log_state says.
-- Called by: ablo-pg audit verify, as an administrator. Locks: none.
create or replace function ablo.audit_dropped() returns bigint
language sql stable
as $$
  select least(s.dropped_through, (
      select min(substring(pg_get_expr(c.relpartbound, c.oid) from 'FROM \(''?(\d+)''?\)')::bigint) - 1
        from pg_catalog.pg_inherits i
        join pg_catalog.pg_class c on c.oid = i.inhrelid
       where i.inhparent = 'ablo.delta'::regclass and c.relname ~ '^delta_p\d+$'))
    from ablo.log_state s
$$;
