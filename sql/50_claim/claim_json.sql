-- A claim as clients get it; times in epoch milliseconds. Called by: every claim routine that answers.
create or replace function ablo.claim_json(p_claim ablo.claim) returns jsonb
language sql stable
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'id', p_claim.id,
    'object', 'claim',
    'actor', p_claim.participant,
    'participantKind', split_part(p_claim.participant, ':', 1),
    'description', p_claim.description,
    'action', p_claim.description,
    'reason', p_claim.description,
    'status', p_claim.status,
    'target', jsonb_build_object('model', (select m.key from ablo.model m where m.typename = p_claim.model),
                                 'id', p_claim.row_id, 'fields', to_jsonb(p_claim.fields), 'meta', p_claim.meta),
    'meta', p_claim.meta,
    'fenceToken', p_claim.fence_token,
    'readAt', p_claim.read_at,
    'declaredAt', floor(extract(epoch from p_claim.created_at) * 1000)::bigint,
    'expiresAt', floor(extract(epoch from p_claim.expires_at) * 1000)::bigint,
    'position', case when p_claim.status = 'queued' then (
       select count(*) from ablo.claim c
        where c.organization_id = p_claim.organization_id and c.model = p_claim.model
          and c.row_id = p_claim.row_id and c.status = 'queued' and c.ticket < p_claim.ticket) end))
    || jsonb_build_object('onBehalfOfId', p_claim.on_behalf_of,
         'onBehalfOfKind', split_part(p_claim.on_behalf_of, ':', 1), 'capabilityId', p_claim.capability_id)
$$;
