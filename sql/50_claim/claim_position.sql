create or replace function ablo.claim_position(p_claim ablo.claim) returns bigint
language plpgsql stable
as $$
  -- How many wait ahead of a waiter; 0 is next.
  -- Called by: ablo.claim_json, ablo.claim_acquire. Reads claim_target_idx.
begin
  return (
    select count(*) from ablo.claim c
     where c.organization_id = p_claim.organization_id and c.model = p_claim.model and c.row_id = p_claim.row_id
       and c.status = 'queued' and c.ticket < p_claim.ticket and c.expires_at > clock_timestamp());
end
$$;
