create or replace function ablo.claim_break(p_organization text, p_participant text, p_claim_id text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- End another participant's claim or wait; its holder is notified, and its later writes are refused with
  -- claim_lost. For users and system participants; who broke it is recorded in the claim's meta, in audit_act
  -- permanently, and in the server's log.
  -- Called by: administrators. Locks: the target's claims, the row. Raises: permission_denied, claim_not_found.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_claim ablo.claim;
begin
  if p_participant like 'agent:%' then
    perform ablo.raise_error('permission_denied', format('%s may not break a claim of another participant', left(p_participant, 80)),
      'let a user or a system participant do it, or wait until the lease expires');
  end if;
  v_claim := ablo.claim_find(p_organization, p_claim_id);
  if v_claim.status not in ('active', 'queued') then
    return ablo.identity_restore(v_found, false);
  end if;
  update ablo.claim c set meta = coalesce(c.meta, '{}') || jsonb_build_object('brokenBy', p_participant)
   where c.organization_id = p_organization and c.id = p_claim_id;
  -- The claim itself is deleted some time after its end; this is not.
  perform ablo.audit_note(p_organization, p_participant, 'claim_break', ablo.claim_summary(v_claim)
    || jsonb_build_object('status', v_claim.status));
  raise log 'ablo: % broke claim % of % on % %', quote_literal(left(p_participant, 80)), quote_literal(v_claim.id),
    quote_literal(v_claim.participant), v_claim.model, quote_literal(left(v_claim.row_id, 80));
  perform ablo.claim_end(p_organization, p_claim_id, 'canceled', null);
  perform ablo.claim_advance(p_organization, v_claim.model, v_claim.row_id, null);
  return ablo.identity_restore(v_found, true);
end
$$;
