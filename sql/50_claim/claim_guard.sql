-- May this participant write this row now? Looked at AFTER the write, while the row is locked: a grant
-- needs that lock, so what is seen here holds until the commit. p_fields: what the write touches (lower
-- case), null for the whole row. Returns the claim it was written under, if any.
-- Called by: ablo.commit_apply for every operation, so it is one probe of claim_target_idx where nobody
-- claims. Raises: entity_claimed, claim_lost, fence_token_stale.
create or replace function ablo.claim_guard(
  p_organization text, p_participant text, p_model text, p_row_id text, p_operation jsonb
) returns ablo.claim
language plpgsql volatile
as $$
declare
  v_claim ablo.claim;
  v_own ablo.claim;
  v_named text := p_operation ->> 'claimId';
begin
  for v_claim in
    select * from ablo.claim c
     where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
       and c.status in ('active', 'queued') and c.status = 'active' and c.expires_at > clock_timestamp()
     order by c.ticket
  loop
    if v_claim.participant = p_participant then
      if v_own.id is null or v_claim.id = v_named then
        v_own := v_claim;
      end if;
    elsif ablo.fields_overlap(v_claim.fields, ablo.operation_fields(p_operation)) then
      perform ablo.claim_refuse((select m from ablo.model m where m.typename = p_model), p_row_id,
        ablo.operation_fields(p_operation), p_participant, 'entity_claimed');
    end if;
  end loop;
  if v_named is not null and v_own.id is distinct from v_named then
    perform ablo.claim_lost(coalesce(
      (select c from ablo.claim c where c.organization_id = p_organization and c.id = v_named),
      row(p_organization, v_named, p_model, p_row_id, null, p_participant, null, null, '', null, 'expired', 0,
          '0', now(), null, null, now(), null, null)::ablo.claim), p_participant);
  elsif (p_operation ->> 'fenceToken') is not null then
    perform ablo.fence_check(p_organization, p_model, p_row_id, p_operation);
  end if;
  return v_own;
end
$$;
