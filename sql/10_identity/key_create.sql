create or replace function ablo.key_create(p_organization text, p_participant text, p_request jsonb) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Create a key of an organization: a root, from which others are minted. p_request: {hash, display, prefix,
  -- operations?, scopes?, syncGroups?, ttlSeconds?, label?, userMeta?}; answers with ablo.key_json. The caller
  -- generates the key itself: the database never sees it.
  -- Called by: the command line, as the control login if there is one. Locks: none. Raises:
  -- identity_missing_organization, invalid_participant_kind, invalid_request, duration_invalid,
  -- server_execute_unknown_model, capability_scope_denied.
declare
  v_key ablo.api_key;
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_key.prefix := p_request ->> 'prefix';
  if v_key.prefix is null or v_key.prefix not in ('sk', 'rk', 'ek', 'pk') then
    perform ablo.raise_error('invalid_request', format('%s is not a kind of key', quote_nullable(left(v_key.prefix, 40))),
      'use sk, rk, ek or pk', '{"field": "prefix"}');
  elsif v_key.prefix = 'ek' and p_participant not like 'user:%' then
    perform ablo.raise_error('invalid_participant_kind', 'an ek_ key is the session of a user',
      'pass a participant user:..., or make an rk_ key', '{"field": "participant"}');
  end if;
  v_key.organization_id := p_organization;
  v_key.participant := p_participant;
  v_key.operations := ablo.key_operations(p_request -> 'operations', v_key.prefix, true);
  v_key.sync_groups := ablo.key_groups(p_request -> 'syncGroups', p_organization);
  v_key.scopes := ablo.key_scopes(p_request -> 'scopes', v_key.prefix,
    v_key.prefix = 'sk' and v_key.operations is null and v_key.sync_groups is null);
  v_key.expires_at := ablo.key_expiry(p_request -> 'ttlSeconds', null);
  return ablo.key_json(ablo.key_insert(v_key, p_request));
end
$$;
