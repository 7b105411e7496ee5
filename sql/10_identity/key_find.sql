create or replace function ablo.key_find(p_hash text) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The key with this hash as ablo.key_json, whatever its status; null if no key has it. Its syncGroups are those that
  -- it may see now (ablo.key_reach); more than ablo.key_json: {governed, since}, see ablo.key_sight.
  -- Called by: the relay, for each credential that it receives. One probe. The hash of what a caller sent reveals
  -- nothing about similar stored ones, so the duration of the probe reveals nothing.
begin
  return (
    select ablo.key_json(k) || jsonb_build_object('syncGroups', ablo.key_reach(k), 'governed', s.governed, 'since', s.since)
      from ablo.api_key k cross join lateral ablo.key_sight(k) s where k.key_hash = p_hash);
end
$$;
