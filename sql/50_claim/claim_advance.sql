-- Bring a target's claims up to now: end leases and waits that have run out, end holders whose row
-- was deleted since their grant, then grant from the head of the line. FIFO: a waiter is granted when
-- it overlaps no holder and nobody before it in the line.
-- Called by: every claim routine on the target, which has locked it. Locks: claims of the target, the row.
create or replace function ablo.claim_advance(p_organization text, p_model text, p_row_id text) returns void
language plpgsql volatile
as $$
declare
  v_claim ablo.claim;
  v_before ablo.claim[] := '{}';
  v_deleted bigint := (
    select d.sync_id from ablo.delta d
     where d.organization_id = p_organization and d.model = p_model and d.row_id = p_row_id and d.op = 'D'
     order by d.sync_id desc limit 1);
begin
  for v_claim in
    select * from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
       and c.status in ('active', 'queued')
     order by c.status, c.ticket
  loop
    if v_claim.expires_at <= clock_timestamp() then
      perform ablo.claim_end(p_organization, v_claim.id, 'expired');
    elsif v_claim.status = 'active' and v_deleted > v_claim.read_at then
      perform ablo.claim_end(p_organization, v_claim.id, 'canceled');
    elsif v_claim.status = 'active' or exists (
      select from unnest(v_before) b
       where b.participant <> v_claim.participant and ablo.fields_overlap(b.fields, v_claim.fields))
    then
      v_before := v_before || v_claim;
    else
      perform ablo.claim_grant(v_claim);
      v_before := v_before || v_claim;
    end if;
  end loop;
end
$$;
