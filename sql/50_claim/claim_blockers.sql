create or replace function ablo.claim_blockers(p_claim ablo.claim) returns jsonb
language plpgsql stable
as $$
  -- What is ahead of a waiter: holders in its way, then earlier waiters, as summaries; at most 10. Null if
  -- nothing is (a writer has the row, or its turn has just come).
  -- Called by: ablo.claim_answer, ablo.claim_list. Reads claim_target_idx.
begin
  return (
    select jsonb_agg(ablo.claim_summary(x) || jsonb_build_object('status', x.status) order by x.status, x.ticket)
      from (select * from ablo.claim c
             where c.organization_id = p_claim.organization_id and c.model = p_claim.model and c.row_id = p_claim.row_id
               and c.status in ('active', 'queued') and c.expires_at > clock_timestamp()
               and (c.status = 'active' or c.ticket < p_claim.ticket)
               and c.participant <> p_claim.participant
               and ablo.parts_overlap(c.parts, p_claim.parts)
               and not (c.status = 'active' and ablo.claim_row_deleted(c))
             order by c.status, c.ticket limit 10) x);
end
$$;
