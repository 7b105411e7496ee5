create or replace function ablo.key_find(p_hash text) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The key with this hash as ablo.key_json, whatever its status; null if no key has it.
  -- Called by: the relay, for each credential that it receives. One probe. The hash of what a caller sent reveals
  -- nothing about similar stored ones, so the duration of the probe reveals nothing.
begin
  return (select ablo.key_json(k) from ablo.api_key k where k.key_hash = p_hash);
end
$$;
