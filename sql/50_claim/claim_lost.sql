create or replace function ablo.claim_lost(
  p_organization text, p_participant text, p_claim_id text, p_key ablo.key_rights default null
) returns void
language plpgsql stable
as $$
  -- Report that a claim is not, or no longer, the caller's. One that the key (p_key, else the commit's) may not
  -- know of does not exist.
  -- Called by: acquire, heartbeat, the guard. Raises: claim_lost.
declare
  v_claim ablo.claim;
begin
  select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = p_claim_id;
  if v_claim.id is not null and not ablo.claim_seen(case when p_key.id is null then ablo.key_acting() else p_key end, v_claim) then
    v_claim := null;
  end if;
  perform ablo.raise_error('claim_lost',
    case
      when v_claim.id is null then format('there is no claim %s', quote_nullable(left(p_claim_id, 80)))
      when v_claim.participant <> p_participant then format('claim %s is not held by %s', left(p_claim_id, 80), p_participant)
      when v_claim.status = 'queued' then format('claim %s is still queued', left(p_claim_id, 80))
      else format('claim %s has ended: %s', left(p_claim_id, 80),
        case when v_claim.status = 'active' then 'it does not cover this write, or its lease has expired' else v_claim.status end)
    end,
    'claim the row again and read it again before writing',
    jsonb_strip_nulls(jsonb_build_object('claimId', left(p_claim_id, 80), 'status', v_claim.status,
      'model', v_claim.model, 'id', v_claim.row_id)));
end
$$;
