create or replace function ablo.key_rotate(p_organization text, p_id text, p_request jsonb, p_by text default null)
returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Replace a key by a new one with the same rights, participant and parent. The old one, and keys minted from
  -- it, end after a grace period at the latest, which the new one survives. If the old one is revoked, the new
  -- one ends too: {"key": as ablo.key_json, "rotatedFrom": {"capabilityId", "expiresAt"}}. p_request: {hash,
  -- display, graceSeconds? (3600, at most 30 days), ttlSeconds? (the old one's)}; the new one is of the same kind
  -- (ablo.key_get). A key cannot extend its life by renewing itself. At most 100 keys of one line of rotations
  -- are live. p_by: the hash of the caller's key.
  -- Called by: the command line (p_by null), the relay. Locks: the parent, shared; the old key, then its
  -- children. Raises: forbidden, capability_not_found, apikey_revoked, apikey_expired, duration_invalid,
  -- invalid_request, quota_exceeded. Sends: NOTIFY ablo_key.
declare
  v_old ablo.api_key := ablo.key_managed(p_organization, p_id, p_by);
  v_new ablo.api_key;
  v_grace jsonb := coalesce(nullif(p_request -> 'graceSeconds', 'null'), '3600');
  v_until timestamptz;
  v_bound timestamptz;
begin
  select k.expires_at into v_bound from ablo.api_key k where k.id = v_old.parent_id for share;
  perform from ablo.api_key k where k.id = p_id for update;
  v_old := ablo.key_by_id(v_old.organization_id, null, p_id);
  if jsonb_typeof(v_grace) <> 'number' or not v_grace::numeric between 0 and 2592000 then
    perform ablo.raise_error('duration_invalid', format('graceSeconds %s is not a grace period', left(v_grace::text, 40)),
      'pass seconds, from 0 to 2592000 (30 days)', '{"field": "graceSeconds"}');
  end if;
  v_until := least(v_old.expires_at, clock_timestamp() + make_interval(secs => (v_grace::numeric)::double precision));
  perform ablo.key_line_check(p_id);
  v_new := v_old;
  v_new.rotated_from := p_id;
  v_new.expires_at := ablo.key_expiry(
    coalesce(nullif(p_request -> 'ttlSeconds', 'null'), to_jsonb(extract(epoch from v_old.expires_at - v_old.created_at))),
    case when p_by = v_old.key_hash then least(v_bound, v_old.expires_at) else v_bound end);
  v_new := ablo.key_insert(v_new, jsonb_build_object('hash', p_request -> 'hash', 'display', p_request -> 'display',
    'label', v_old.label, 'userMeta', v_old.user_meta));
  perform ablo.key_end(p_id, false, v_until);
  perform ablo.key_sweep(20);  -- writers clean up the table
  return json_build_object('key', ablo.key_json(v_new),
    'rotatedFrom', json_build_object('capabilityId', p_id, 'expiresAt', extract(epoch from v_until)));
end
$$;
