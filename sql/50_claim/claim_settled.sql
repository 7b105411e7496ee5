create or replace function ablo.claim_settled(p_claim ablo.claim, p_renew boolean) returns boolean
language plpgsql stable
as $$
  -- Whether nothing has to be done about a claim: it is held, or waits for a live holder, and (if it is to be
  -- renewed) has nine tenths of its time left. Then reading it locks and writes nothing, so that a new holder
  -- gets its row without a flush to the disk.
  -- Called by: ablo.claim_get. Reads claim_target_idx, delta_row_idx.
begin
  return p_claim.expires_at > clock_timestamp() + case when p_renew then p_claim.ttl * 0.9 else interval '0' end
    and case p_claim.status
      when 'active' then not ablo.claim_row_deleted(p_claim)
      when 'queued' then ablo.claim_blockers(p_claim) is not null
      else false
    end;
end
$$;
