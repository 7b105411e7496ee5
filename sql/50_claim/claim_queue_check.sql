create or replace function ablo.claim_queue_check(p_claim ablo.claim, p_request jsonb) returns void
language plpgsql stable
as $$
  -- Whether this claim may wait in the queue.
  -- Called by: ablo.claim_acquire; an error removes the claim from the queue again with the transaction. Raises:
  -- claim_conflict, queue_too_deep.
declare
  v_depth bigint;
begin
  if p_request -> 'queue' = 'false' then
    perform ablo.claim_refuse('claim_conflict', p_claim.model, p_claim.row_id,
      ablo.claim_holders(p_claim.organization_id, p_claim.model, p_claim.row_id, p_claim.parts, p_claim.participant));
  end if;
  v_depth := ablo.claim_position(p_claim);
  if v_depth >= least(coalesce((p_request ->> 'maxDepth')::bigint, 1000), 1000) then
    perform ablo.raise_error('queue_too_deep',
      format('%s already wait for %s %s', v_depth, p_claim.model, left(p_claim.row_id, 80)),
      'try again later, or allow a longer queue (at most 1000)',
      jsonb_build_object('model', p_claim.model, 'id', p_claim.row_id, 'depth', v_depth));
  end if;
end
$$;
