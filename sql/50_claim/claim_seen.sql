create or replace function ablo.claim_seen(p_key ablo.key_rights, p_claim ablo.claim) returns boolean
language plpgsql stable
as $$
  -- Whether a key may know of a claim: it may see the claimed row, or the claim was made with it. A null key sees
  -- every claim, one without an id (ablo.key_of) those of rows that its participant may read.
  -- Called by: the claim routines, ablo.presence_list. See ablo.row_seen.
begin
  return p_key.participant is null
    or p_claim.capability_id is not distinct from p_key.id and p_claim.participant = p_key.participant
    or ablo.row_seen(p_claim.organization_id, p_key, p_claim.model, p_claim.row_id);
end
$$;
