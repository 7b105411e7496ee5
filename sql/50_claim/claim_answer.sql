create or replace function ablo.claim_answer(p_claim ablo.claim, p_key ablo.key_rights, p_stamp bigint default null)
returns json
language plpgsql stable
as $$
  -- The answer to a client about its claim: {"claim"}; with an active one the row and its stamp, with a queued
  -- one what is ahead of it and when to check again at the latest. p_key: the caller's; if it may no longer see
  -- the row, only its claim. p_stamp: the row's, if it is known: this transaction
  -- has locked the row, or ablo.claim_held has looked.
  -- Called by: acquire, get, which have set who acts. STABLE: claim, row and stamp are of one snapshot. The row is
  -- returned as its own text, never through jsonb.
declare
  v_blockers jsonb;
begin
  if p_key.participant is not null and not ablo.row_seen(p_claim.organization_id, p_key, p_claim.model, p_claim.row_id) then
    return json_build_object('claim', ablo.claim_json(p_claim));
  elsif p_claim.status = 'active' then
    return json_build_object('claim', ablo.claim_json(p_claim), 'data',
      ablo.row_shown(p_claim.model, ablo_model.read(p_claim.model, p_claim.row_id)),
      'stamp', coalesce(p_stamp, ablo.row_stamp(p_claim.organization_id, p_claim.model, p_claim.row_id)));
  elsif p_claim.status = 'queued' then
    v_blockers := coalesce(ablo.claim_blockers(p_claim), '[]');
    return json_build_object('claim', ablo.claim_json(p_claim), 'blockedBy', v_blockers,
      'recheckMs', ablo.claim_recheck(p_claim, v_blockers));
  end if;
  return json_build_object('claim', ablo.claim_json(p_claim));
end
$$;
