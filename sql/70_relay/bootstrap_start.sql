create or replace function ablo.bootstrap_start(p_organization text, p_key_id text) returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Where a socket without a cursor begins: at the earliest position as of which rows were read with its key
  -- within the last minute; null if there were none. Repeats do no harm.
  -- Called by: relays, for each socket that opens without a cursor. Waits for nothing; reads the primary key.
  select min(b.sync_id) from ablo.bootstrap b
   where b.organization_id = p_organization and b.key_id = p_key_id
     and b.read_at > clock_timestamp() - interval '1 minute'
$$;
