create or replace function ablo.claim_get(
  p_organization text, p_participant text, p_claim_id text, p_renew boolean default false,
  p_capability_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
  -- One claim as it is now; if its turn has come, it is granted here. p_renew: the caller's lease or place in the
  -- queue is restarted, unless it has just begun. Ended claims are readable for some minutes. p_capability_id: a
  -- claim that this key may not know of is not found.
  -- Called by: clients that wait, on a notification and on each check of their own. Locks: none if there is
  -- nothing to do; else the target's claims, the row. Raises: claim_not_found.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_claim ablo.claim;
  v_renewed ablo.claim;
  v_key ablo.key_rights;
  v_answer json;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  select * into v_claim from ablo.claim c
   where c.organization_id = p_organization and c.id = p_claim_id and c.participant = p_participant;
  v_answer := ablo.claim_held(v_claim, v_key, p_renew);
  if v_answer is null and ablo.claim_settled(v_claim, p_renew) and ablo.claim_seen(v_key, v_claim) then
    v_answer := ablo.claim_answer(v_claim, v_key);
  end if;
  if v_answer is not null then
    return ablo.identity_restore(v_found, v_answer);
  end if;
  v_claim := ablo.claim_find(p_organization, p_claim_id, v_key);
  if p_renew and v_claim.participant = p_participant and v_claim.status in ('active', 'queued') then
    v_renewed := ablo.claim_renew(p_organization, p_participant, p_claim_id, '{}');
    if v_renewed.id is null then  -- it has just expired
      perform ablo.claim_end(p_organization, p_claim_id, 'expired', p_claim_id);
      v_renewed := ablo.claim_find(p_organization, p_claim_id, v_key);
    end if;
    v_claim := v_renewed;
  end if;
  if v_claim.participant <> p_participant then  -- another's claim, without its row
    return ablo.identity_restore(v_found, json_build_object('claim', ablo.claim_json(v_claim)));
  end if;
  return ablo.identity_restore(v_found, ablo.claim_answer(v_claim, v_key));
end
$$;
