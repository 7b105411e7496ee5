create or replace function ablo.claim_event_note(p_claim ablo.claim) returns void
language plpgsql volatile
as $$
  -- Record a claim event. Called by: ablo.claim_changed, ablo.claim_acquire. PL/pgSQL keeps the plan of its insert; a
  -- function in SQL would plan it at each call.
begin
  insert into ablo.claim_event (organization_id, xid, seq, at, claim_id, model, row_id, fields, participant, on_behalf_of,
                                capability_id, description, status, expires_at, fence_token)
  values (p_claim.organization_id, pg_current_xact_id(), nextval('ablo.claim_event_seq'), clock_timestamp(), p_claim.id,
          p_claim.model, p_claim.row_id, p_claim.fields, p_claim.participant, p_claim.on_behalf_of,
          p_claim.capability_id, p_claim.description, p_claim.status, p_claim.expires_at,
          case when p_claim.status = 'active' then p_claim.fence_token end);
end
$$;
