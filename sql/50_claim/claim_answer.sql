-- What a client gets for a claim: the claim, for a queued one who holds the row, for an active one the
-- row and its stamp. Called by: acquire, heartbeat, get.
create or replace function ablo.claim_answer(p_claim ablo.claim) returns json
language plpgsql stable
set timezone = 'UTC'
as $$
declare
  v_answer text := ablo.claim_json(p_claim)::text;
begin
  if p_claim.status = 'queued' then
    v_answer := left(v_answer, -1) || ', "heldByClaims": '
      || ablo.claim_holders(p_claim.organization_id, p_claim.model, p_claim.row_id, p_claim.fields, p_claim.participant) || '}';
  elsif p_claim.status = 'active' then
    -- The row goes out as its own text, never through jsonb.
    v_answer := left(v_answer, -1) || ', "data": '
      || coalesce(ablo.row_get(p_claim.organization_id, p_claim.participant, p_claim.model, p_claim.row_id)::text, 'null') || '}';
  end if;
  return v_answer::json;
end
$$;
