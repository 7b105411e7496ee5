-- The key with this id, live, of this organization and, where one is given, this participant.
-- Called by: everything that acts under a key. One probe. Locks: none.
-- Raises: capability_invalid (there is none, or not here), apikey_revoked, apikey_expired,
-- capability_scope_denied (another participant's).
create or replace function ablo.capability_live(p_organization text, p_participant text, p_capability_id text)
returns ablo.api_key
language plpgsql volatile
as $$
declare
  v_key ablo.api_key;
  v_status text;
begin
  select * into v_key from ablo.api_key k where k.id = p_capability_id and k.organization_id = p_organization;
  if v_key.id is null then
    perform ablo.raise_error('capability_invalid', format('there is no capability %s', quote_nullable(left(p_capability_id, 80))),
      'use the id of a key of this organization: `ablo-pg keys list`',
      jsonb_build_object('capabilityId', left(p_capability_id, 80)));
  end if;
  v_status := ablo.key_status(v_key);
  if v_status <> 'live' then
    perform ablo.raise_error(case v_status when 'revoked' then 'apikey_revoked' else 'apikey_expired' end,
      format('the key %s is %s', v_key.id, v_status),
      case v_status when 'expired' then 'mint or rotate a new one' else 'use another; a revoked key stays revoked' end,
      jsonb_build_object('capabilityId', v_key.id));
  elsif p_participant <> v_key.participant then
    perform ablo.raise_error('capability_scope_denied', format('the key %s does not act as %L', v_key.id, left(p_participant, 80)),
      'act as the participant that the key was made for', jsonb_build_object('capabilityId', v_key.id));
  end if;
  return v_key;
end
$$;
