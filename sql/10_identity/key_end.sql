-- Revoke a key and all that was minted from it, or let them end at p_until at the latest; say so to the
-- relays. Returns the ids. Level by level: a mint in flight holds its parent (FOR SHARE), so the update of
-- that parent waits for it, and the next level's statement sees the child.
-- Called by: ablo.key_revoke, ablo.key_rotate. Locks: the keys, parents before children.
create or replace function ablo.key_end(p_id text, p_revoke boolean, p_until timestamptz) returns text[]
language plpgsql volatile
as $$
declare
  v_level text[] := array[p_id];
  v_all text[] := '{}';
begin
  while v_level is not null loop
    if p_revoke then
      update ablo.api_key k set revoked_at = clock_timestamp() where k.id = any (v_level) and k.revoked_at is null;
    else
      update ablo.api_key k set expires_at = p_until
       where k.id = any (v_level) and (k.expires_at is null or k.expires_at > p_until);
    end if;
    v_all := v_all || v_level;
    v_level := (select array_agg(k.id) from ablo.api_key k
                 where k.parent_id = any (v_level)
                   and case when p_revoke then k.revoked_at is null else k.expires_at > p_until end);
  end loop;
  if cardinality(v_all) > 100 then
    perform pg_notify('ablo_key', '');  -- everyone look
  else
    perform pg_notify('ablo_key', i) from unnest(v_all) i;
  end if;
  return v_all;
end
$$;
