create or replace function ablo.delta_retain(p_keep interval) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Drop the partitions whose newest delta is older than p_keep; subscribers with an older cursor must then take
  -- a snapshot. Returns how far the log is now dropped. Once the database has seals, a partition that has unsealed
  -- deltas is kept, with a warning, and so are those after it.
  -- Called by: administrators, about daily: the log is never dropped automatically. Locks: ACCESS EXCLUSIVE on
  -- the log, briefly.
declare
  v_part record;
  v_newest timestamptz;
  v_unsealed text;
  v_through bigint;
begin
  perform set_config('search_path', ablo.table_path(null), true);  -- for event triggers of the user's
  for v_part in
    select c.relname,
           substring(pg_get_expr(c.relpartbound, c.oid) from 'TO \(''?(\d+)''?\)')::bigint as upper
      from pg_catalog.pg_inherits i
      join pg_catalog.pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'ablo.delta'::regclass and c.relname ~ '^delta_p\d+$'
     order by 2
  loop
    exit when v_part.upper > (select last_value from ablo.sync_id);
    execute format('select created_at from ablo.%I order by sync_id desc limit 1', v_part.relname) into v_newest;
    exit when v_newest > clock_timestamp() - p_keep;
    v_unsealed := ablo.audit_unsealed(v_part.upper - 1);
    if v_unsealed is not null then
      raise warning 'ablo.% is kept: it has changes of % that are not sealed', v_part.relname, v_unsealed
        using hint = 'run ablo-pg audit seal';
      exit;
    end if;
    execute format('drop table ablo.%I', v_part.relname);
    v_through := v_part.upper - 1;
    update ablo.log_state set dropped_through = v_through where dropped_through < v_through;
  end loop;
  return (select dropped_through from ablo.log_state);
end
$$;
