create or replace function ablo.claim_summary(p_claim ablo.claim) returns jsonb
language sql stable
as $$
  -- A claim's summary, for those that it blocks: {claimId, entityType, entityId, heldBy, heldByKind, description,
  -- action, declaredAt, expiresAt, fields?}.
  -- Called by: answers to waiters, refusals, presence.
  select jsonb_strip_nulls(jsonb_build_object(
    'claimId', p_claim.id,
    'entityType', lower(p_claim.model),
    'entityId', p_claim.row_id,
    'heldBy', p_claim.participant,
    'heldByKind', split_part(p_claim.participant, ':', 1),
    'description', p_claim.description,
    'action', p_claim.description,
    'declaredAt', ablo.ms(p_claim.created_at),
    'expiresAt', ablo.ms(p_claim.expires_at),
    'fields', to_jsonb(p_claim.fields)))
$$;
