create or replace function ablo.claim_advance(p_organization text, p_model text, p_row_id text, p_caller text)
returns void
language plpgsql volatile
as $$
  -- Update a target's claims: end expired leases and waits, end holders whose row was deleted since their grant,
  -- then grant from the head of the queue. FIFO: a waiter is granted if it overlaps no holder and no earlier
  -- waiter. Stops when no later waiter can be granted, so a long queue costs no more than its head.
  -- Called by: every claim routine that changes a queue, after locking the target. Locks: claims of the target,
  -- the row. p_caller: see ablo.claim_wake.
declare
  v_claim ablo.claim;
  v_before ablo.claim[] := '{}';
  v_whole text;  -- holders and earlier waiters for the whole row
begin
  for v_claim in
    select * from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
       and c.status in ('active', 'queued')
     order by c.status, c.ticket
  loop
    if v_claim.expires_at <= clock_timestamp() then
      continue when ablo.claim_end(p_organization, v_claim.id, 'expired', p_caller);
      select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = v_claim.id;
    end if;
    if v_claim.status = 'active' and ablo.claim_row_deleted(v_claim) then
      perform ablo.claim_end(p_organization, v_claim.id, 'canceled', p_caller);
      continue;
    elsif v_claim.status = 'queued' and not exists (
      select from unnest(v_before) b
       where b.participant <> v_claim.participant and ablo.parts_overlap(b.parts, v_claim.parts))
    then
      if not ablo.claim_grant(v_claim, p_caller) then
        exit;  -- a writer has the row: the next access tries again
      end if;
    end if;
    exit when v_whole <> v_claim.participant;
    if v_claim.parts is null then
      v_whole := v_claim.participant;
    end if;
    v_before := v_before || v_claim;
  end loop;
end
$$;
