-- Say that a claim is not, or no longer, the caller's. Called by: heartbeat, the guard. Raises: claim_lost.
create or replace function ablo.claim_lost(p_claim ablo.claim, p_participant text) returns void
language plpgsql stable
as $$
begin
  perform ablo.raise_error('claim_lost',
    case when p_claim.participant is distinct from p_participant
      then format('claim %s is not held by %s', left(p_claim.id, 80), p_participant)
      else format('claim %s has ended: %s', left(p_claim.id, 80), p_claim.status) end,
    'claim the row anew and read it again before writing',
    jsonb_build_object('claimId', p_claim.id, 'model', p_claim.model, 'id', p_claim.row_id, 'status', p_claim.status));
end
$$;
