create or replace function ablo.key_mint(p_organization text, p_parent_hash text, p_request jsonb) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Mint a key from another, whose hash proves that the caller has it: it never has more rights than its parent,
  -- and never outlives it. Chains have at most 16 keys. p_request: {hash, display, prefix? (rk; ek, pk),
  -- participantKind?, participantId? (ablo.mint_participant), operations? | wideScope?: all that the parent may
  -- do, syncGroups?, scopes?, ttlSeconds? (3600), label?, userMeta?, organizationId?}; answers with
  -- ablo.key_json.
  -- Called by: the relay. Locks: the parent, shared: ending it meanwhile waits, and finds the child. Raises:
  -- capability_invalid, apikey_revoked, apikey_expired, forbidden, capability_scope_denied,
  -- narrow_scope_required, organization_mismatch, quota_exceeded, invalid_participant_kind, invalid_request.
declare
  v_parent ablo.api_key;
  v_key ablo.api_key;
  v_denied text;
begin
  perform from ablo.api_key k where k.key_hash = p_parent_hash and k.organization_id = p_organization for share;
  v_parent := ablo.key_shown(p_organization, p_parent_hash);
  v_key.parent_id := v_parent.id;
  v_key.prefix := coalesce(p_request ->> 'prefix', 'rk');
  v_key.organization_id := coalesce(p_request ->> 'organizationId', p_organization);
  perform ablo.mint_check(v_parent, v_key.prefix, v_key.organization_id);
  v_key.participant := ablo.mint_participant(v_parent, v_key.prefix, p_request);

  if jsonb_typeof(p_request -> 'operations') = 'array' then
    v_key.operations := ablo.key_operations(p_request -> 'operations', v_key.prefix, false);
  elsif p_request -> 'wideScope' is distinct from 'true' and v_key.prefix <> 'pk' then
    perform ablo.raise_error('narrow_scope_required', 'the request does not say what the key may do',
      'pass operations, for example ["task.read"], or wideScope: true for all that the parent may do', '{"field": "operations"}');
  elsif v_key.prefix = 'pk' then
    v_key.operations := coalesce(array(select o from unnest(v_parent.operations) o where o like '%.read'), '{}');
    v_key.operations := case when v_parent.operations is null then array['*.read'] else v_key.operations end;
  else
    v_key.operations := v_parent.operations;
  end if;
  v_key.scopes := ablo.key_scopes(p_request -> 'scopes', v_key.prefix, false);
  v_key.sync_groups := case when coalesce(p_request -> 'syncGroups', 'null') = 'null' then v_parent.sync_groups
    else ablo.key_groups(p_request -> 'syncGroups', v_key.organization_id) end;

  v_denied := case
    when not ablo.operations_within(v_key.operations, v_parent.operations) then 'operations'
    when v_parent.sync_groups is not null and (v_key.sync_groups <@ v_parent.sync_groups) is not true then 'syncGroups'
    when not v_key.scopes <@ v_parent.scopes then 'scopes' end;
  if v_denied is not null then
    perform ablo.raise_error('capability_scope_denied', format('%s of the key would exceed those of its parent', v_denied),
      'request less, or mint it from a key with more rights', jsonb_build_object('field', v_denied));
  end if;
  v_key.expires_at := ablo.key_expiry(coalesce(nullif(p_request -> 'ttlSeconds', 'null'), '3600'), v_parent.expires_at);
  v_key := ablo.key_insert(v_key, p_request);
  perform ablo.key_sweep(20);  -- writers clean up the table
  return ablo.key_json(v_key);
end
$$;
