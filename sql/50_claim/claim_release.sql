create or replace function ablo.claim_release(
  p_organization text, p_participant text, p_claim_id text, p_capability_id text default null
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Release a claim, or leave the queue; the next waiter is granted in the same transaction. True if there was
  -- one to release.
  -- Called by: clients. Locks: the target's claims, the row.
declare
  v_found text;  -- null until something has to read rows, which needs the identity settings
  v_claim ablo.claim;
  v_key ablo.key_rights;
  v_done text;
  v_released boolean;
begin
  select * into v_claim from ablo.claim c
   where c.organization_id = p_organization and c.id = p_claim_id and c.participant = p_participant
     and c.status in ('active', 'queued');
  if p_capability_id is not null or v_claim.capability_id is not null then  -- may the key see the row?
    v_found := ablo.identity_set(p_organization, p_participant);
    v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
    if v_claim.id is null or not ablo.claim_seen(v_key, v_claim) then
      return ablo.identity_restore(v_found, false);
    end if;
  elsif v_claim.id is null then
    v_done := ablo.participant_check(p_organization, p_participant);
    return false;
  end if;
  v_done := ablo.claim_target_lock(p_organization, v_claim.model, v_claim.row_id);
  update ablo.claim c
     set status = case c.status when 'active' then 'committed' else 'canceled' end, ended_at = clock_timestamp()
   where c.organization_id = p_organization and c.id = p_claim_id and c.status in ('active', 'queued')
     and c.expires_at > clock_timestamp();
  v_released := found;
  if exists (select from ablo.claim c
              where c.organization_id = p_organization and c.model = v_claim.model and c.row_id = v_claim.row_id
                and c.status in ('active', 'queued'))
  then
    v_found := coalesce(v_found, ablo.identity_set(p_organization, p_participant));
    v_done := ablo.claim_advance(p_organization, v_claim.model, v_claim.row_id, null);
  end if;
  return case when v_found is null then v_released else ablo.identity_restore(v_found, v_released) end;
end
$$;
