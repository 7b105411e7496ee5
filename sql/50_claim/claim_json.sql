create or replace function ablo.claim_json(p_claim ablo.claim, p_position bigint default null) returns json
language plpgsql stable
as $$
  -- A claim as clients get it; times in milliseconds of the database clock. p_position: a waiter's, if it is known.
  -- Called by: every claim routine that answers. One expression for a granted claim on a whole row, which most are.
declare
  v_key text := (select m.key from ablo.model m where m.typename = p_claim.model);
  v_claim json := json_build_object(
    'id', p_claim.id,
    'object', 'claim',
    'actor', p_claim.participant,
    'heldBy', p_claim.participant,
    'participantKind', split_part(p_claim.participant, ':', 1),
    'description', p_claim.description,
    'action', p_claim.description,
    'reason', p_claim.description,
    'status', p_claim.status,
    'fenceToken', p_claim.fence_token,
    'readAt', p_claim.read_at,
    'declaredAt', ablo.ms(p_claim.created_at),
    'grantedAt', ablo.ms(p_claim.granted_at),
    'expiresAt', ablo.ms(p_claim.expires_at),
    'ttlMs', floor(extract(epoch from p_claim.ttl) * 1000)::bigint,
    'target', json_build_object('model', v_key, 'id', p_claim.row_id),
    'onBehalfOfId', p_claim.on_behalf_of,
    'onBehalfOfKind', split_part(p_claim.on_behalf_of, ':', 1),
    'capabilityId', p_claim.capability_id);
begin
  if p_claim.status = 'active' and p_claim.fields is null and p_claim.meta is null then
    return v_claim;
  end if;
  return jsonb_strip_nulls(v_claim::jsonb || jsonb_build_object(
      'endedAt', ablo.ms(p_claim.ended_at),
      'position', case when p_claim.status = 'queued' then coalesce(p_position, ablo.claim_position(p_claim)) end))
    || jsonb_build_object(
      'target', jsonb_build_object('model', v_key, 'id', p_claim.row_id)
        || case when p_claim.fields is not null then jsonb_build_object('fields', p_claim.fields) else '{}' end
        || case when p_claim.meta is not null then jsonb_build_object('meta', p_claim.meta) else '{}' end,
      'onBehalfOfId', p_claim.on_behalf_of,
      'onBehalfOfKind', split_part(p_claim.on_behalf_of, ':', 1),
      'capabilityId', p_claim.capability_id)
    || case when p_claim.meta is not null then jsonb_build_object('meta', p_claim.meta) else '{}' end;
end
$$;
