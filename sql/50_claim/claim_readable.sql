create or replace function ablo.claim_readable(p_claim ablo.claim) returns boolean
language plpgsql stable
as $$
  -- Whether the participant of a claim may read its row as it is, where the model limits reading.
  -- Called by: ablo.claim_advance, ablo.claim_pass_over, before a waiter is granted the row. Locks: none.
begin
  return ablo_model.sees(p_claim.model, null, null, null)
    or ablo_model.sees(p_claim.model, ablo.row_as_is(p_claim.model, p_claim.row_id), null, p_claim.participant);
end
$$;
