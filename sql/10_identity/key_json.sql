create or replace function ablo.key_json(p_key ablo.api_key) returns jsonb
language sql volatile
as $$
  -- A key as JSON, without its hash: {id, prefix, display, organizationId, participant, parentId, rotatedFrom,
  -- operations, scopes, syncGroups, userMeta, label, createdAt, expiresAt, status, now}; times in seconds since
  -- 1970.
  -- Called by: the routines that return keys.
  select jsonb_build_object(
    'id', p_key.id,
    'prefix', p_key.prefix,
    'display', p_key.display,
    'organizationId', p_key.organization_id,
    'participant', p_key.participant,
    'parentId', p_key.parent_id,
    'rotatedFrom', p_key.rotated_from,
    'operations', p_key.operations,
    'scopes', p_key.scopes,
    'syncGroups', p_key.sync_groups,
    'userMeta', p_key.user_meta,
    'label', p_key.label,
    'createdAt', extract(epoch from p_key.created_at),
    'expiresAt', extract(epoch from p_key.expires_at),
    'status', ablo.key_status(p_key),
    'now', extract(epoch from clock_timestamp()))
$$;
