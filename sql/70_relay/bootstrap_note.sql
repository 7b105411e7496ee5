create or replace function ablo.bootstrap_note(p_organization text, p_key_id text, p_sync_id bigint) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Record that rows were read with a key as of a position, before they are returned.
  -- Called by: relays. Locks: the key's mark of that position. Raises: invalid_request.
begin
  if num_nulls(p_organization, p_key_id, p_sync_id) > 0 or octet_length(p_key_id) > 255 then
    perform ablo.raise_error('invalid_request', 'a bootstrap must name its organization, key and position', 'let a relay record it');
  end if;
  insert into ablo.bootstrap (organization_id, key_id, sync_id, read_at)
  values (p_organization, p_key_id, p_sync_id, clock_timestamp())
  on conflict (organization_id, key_id, sync_id) do update set read_at = excluded.read_at;
end
$$;
