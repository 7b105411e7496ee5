create or replace function ablo.key_end(p_id text, p_revoke boolean, p_until timestamptz) returns text[]
language plpgsql volatile
as $$
  -- Revoke a key and all keys derived from it, by minting or rotation, to any depth and even if keys in between
  -- have ended. Or (p_revoke false) let it and the keys minted from it end at p_until at the latest: the key that
  -- replaced it lives on. Notifies the relays. Returns the ids of the ended keys, the key's own first. Level by
  -- level: a mint or a rotation in flight holds its key (FOR SHARE, FOR UPDATE), so the update of that key waits
  -- for it, and the next level's statement sees the new key.
  -- Called by: ablo.key_revoke, ablo.key_rotate. Locks: the keys, parents before children, old before new.
declare
  v_level text[] := array[p_id];
  v_seen text[] := '{}';
  v_ended text[] := array[p_id];
begin
  while v_level is not null loop
    v_seen := v_seen || v_level;
    if p_revoke then
      with done as (
        update ablo.api_key k set revoked_at = clock_timestamp() where k.id = any (v_level) and k.revoked_at is null
        returning k.id)
      select v_ended || coalesce(array_agg(d.id), '{}') into v_ended from done d where d.id <> p_id;
      v_level := (select array_agg(k.id) from ablo.api_key k
                   where (k.parent_id = any (v_level) or k.rotated_from = any (v_level)) and k.id <> all (v_seen));
    else
      update ablo.api_key k set expires_at = p_until
       where k.id = any (v_level) and (k.expires_at is null or k.expires_at > p_until);
      v_level := (select array_agg(k.id) from ablo.api_key k
                   where k.parent_id = any (v_level) and k.expires_at > p_until);
      v_ended := v_ended || v_level;
    end if;
  end loop;
  if cardinality(v_ended) > 100 then
    perform pg_notify('ablo_key', '');  -- relays check all keys
  else
    perform pg_notify('ablo_key', i) from unnest(v_ended) i;
  end if;
  return v_ended;
end
$$;
