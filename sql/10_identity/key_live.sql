create or replace function ablo.key_live(p_key ablo.api_key) returns void
language plpgsql volatile
as $$
  -- Refuse a key that does not exist (an all-null row), has expired or was revoked. The error names no key: a
  -- holder of an ended key learns no id.
  -- Called by: ablo.key_by_id, ablo.key_shown. Raises: capability_invalid, apikey_revoked, apikey_expired.
declare
  v_status text := ablo.key_status(p_key);
begin
  if p_key.id is null then
    perform ablo.raise_error('capability_invalid', 'there is no such key in this organization',
      'use a key of this organization: `ablo-pg keys list`');
  elsif v_status <> 'live' then
    perform ablo.raise_error(case v_status when 'revoked' then 'apikey_revoked' else 'apikey_expired' end,
      format('the key is %s', v_status),
      case v_status when 'expired' then 'mint or rotate a new one' else 'use another; a revoked key stays revoked' end);
  end if;
end
$$;
