create or replace function ablo.claim_advance(p_organization text, p_model text, p_row_id text, p_caller text)
returns void
language plpgsql volatile
as $$
  -- Update a target's claims: end expired leases and waits, end holders whose row was deleted since their grant, and
  -- waiters that may no longer read it, then grant from the head of the queue. FIFO: a waiter is granted if it overlaps no holder and no earlier
  -- waiter. Stops at the first that is blocked, if a holder of the whole row blocks all; else
  -- ablo.claim_pass_over goes on.
  -- Called by: every claim routine that changes a queue, after locking the target. Locks: claims of the target,
  -- the row. p_caller: see ablo.claim_wake.
declare
  v_claim ablo.claim;
  v_holders text[] := '{}';
  v_parts text[] := '{}';  -- what they hold
  v_whole text;            -- who holds the whole row
  v_blocked boolean := false;
  v_done text;
begin
  for v_claim in
    select * from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
       and c.status in ('active', 'queued')
     order by c.status, c.ticket
  loop
    if v_claim.expires_at <= clock_timestamp() then
      continue when ablo.claim_end(p_organization, v_claim.id, 'expired', p_caller);
    end if;
    if v_claim.status = 'active' then
      if ablo.claim_row_deleted(v_claim) then
        continue when ablo.claim_end(p_organization, v_claim.id, 'canceled', p_caller);
      end if;
    else
      exit when v_whole <> v_claim.participant;
      v_blocked := v_holders <> '{}' and (v_whole is not null or ablo.parts_overlap(v_claim.parts, v_parts));
      exit when v_blocked;
      if not ablo.claim_readable(v_claim) then
        continue when ablo.claim_end(p_organization, v_claim.id, 'canceled', p_caller);
      end if;
      exit when not ablo.claim_grant(v_claim, p_caller);  -- a writer has the row: the next access tries again
    end if;
    v_holders := v_holders || v_claim.participant;
    v_parts := v_parts || v_claim.parts;
    v_whole := case when v_claim.parts is null then v_claim.participant else v_whole end;
  end loop;
  if v_blocked then  -- by a holder, or only by claims of its own participant
    v_done := ablo.claim_pass_over(p_organization, p_model, p_row_id, p_caller, v_holders,
      case when v_whole is null then v_parts end);
  end if;
end
$$;
