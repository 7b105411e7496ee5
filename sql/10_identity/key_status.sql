create or replace function ablo.key_status(p_key ablo.api_key) returns text
language sql volatile
as $$
  -- Whether a key is live, expired (by the database's clock) or revoked.
  -- Called by: ablo.key_json, ablo.key_states, ablo.key_by_id, ablo.key_mint, ablo.key_rotate.
  select case when p_key.revoked_at is not null then 'revoked'
              when p_key.expires_at <= clock_timestamp() then 'expired'
              else 'live' end
$$;
