-- Give a claim up, or leave the line; the next in line is granted in the same transaction.
-- True when there was something to release. Called by: clients. Locks: the target's claims, the row.
create or replace function ablo.claim_release(p_organization text, p_participant text, p_claim_id text) returns boolean
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_claim ablo.claim;
  v_released boolean;
begin
  perform ablo.identity_set(p_organization, p_participant);
  select * into v_claim from ablo.claim c
   where c.organization_id = p_organization and c.id = p_claim_id and c.participant = p_participant
     and c.status in ('active', 'queued');
  if v_claim.id is null then
    return false;
  end if;
  perform ablo.claim_target_lock(p_organization, v_claim.model, v_claim.row_id);
  update ablo.claim c
     set status = case c.status when 'active' then 'committed' else 'canceled' end, ended_at = clock_timestamp()
   where c.organization_id = p_organization and c.id = p_claim_id and c.status in ('active', 'queued')
     and c.expires_at > clock_timestamp();
  v_released := found;
  if v_released then
    perform ablo.claim_wake(p_claim_id);
  end if;
  perform ablo.claim_advance(p_organization, v_claim.model, v_claim.row_id);
  return v_released;
end
$$;
