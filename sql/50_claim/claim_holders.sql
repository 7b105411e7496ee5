-- The live claims of other participants that overlap a part of a row, as summaries:
-- [{claimId, entityType, entityId, heldBy, description, declaredAt, expiresAt}] (times in epoch ms).
-- Called by: answers to waiters, and the errors of refused claims and writes. Reads claim_target_idx.
create or replace function ablo.claim_holders(
  p_organization text, p_model text, p_row_id text, p_fields text[], p_participant text
) returns jsonb
language sql stable
as $$
  select coalesce(jsonb_agg(jsonb_build_object(
           'claimId', c.id,
           'entityType', lower(c.model),
           'entityId', c.row_id,
           'heldBy', c.participant,
           'description', c.description,
           'action', c.description,
           'declaredAt', floor(extract(epoch from c.created_at) * 1000)::bigint,
           'expiresAt', floor(extract(epoch from c.expires_at) * 1000)::bigint) order by c.ticket), '[]')
    from ablo.claim c
   where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
     and c.status = 'active' and c.expires_at > clock_timestamp()
     and c.participant <> p_participant
     and ablo.fields_overlap(c.fields, p_fields)
$$;
