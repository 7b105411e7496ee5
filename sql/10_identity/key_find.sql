-- The key with this hash as ablo.key_json says, whatever its status; null where there is none.
-- Called by: the relay, for each credential that it is shown. One probe. The hash of what a caller sent
-- tells nothing about a stored one that is near it, so how long the probe takes gives nothing away.
create or replace function ablo.key_find(p_hash text) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select ablo.key_json(k) from ablo.api_key k where k.key_hash = p_hash);
end
$$;
