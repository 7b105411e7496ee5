create or replace function ablo.claim_guard(
  p_organization text, p_participant text, p_model text, p_row_id text, p_operation jsonb, p_policy text,
  p_before bigint
) returns void
language plpgsql volatile
as $$
  -- Whether this participant may write this row now. Checked AFTER the write, while the row is locked: a grant
  -- needs that lock, so what is seen here holds until the commit. A write under the participant's own live claim
  -- is recorded for the log, and for the premises: what the holder wrote since the grant does not make its reads
  -- stale.
  -- Called by: ablo.commit_apply, if the row is held or the operation names a claim or a token. p_policy: the
  -- model's conflict policy for the writer's kind; overwrite lets the write through. p_before: in a batch, the
  -- last sync id before this commit, whose captures run with each statement: a claim that is found only now is
  -- too late for them, and the commit is sent alone (55P03). Raises: entity_claimed, claim_lost,
  -- fence_token_stale, invalid_request.
declare
  v_parts text[] := ablo.operation_parts(p_operation);
  v_named text := p_operation ->> 'claimId';
  v_holders jsonb;
  v_own ablo.claim;
begin
  select * into v_own from ablo.claim c
   where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
     and c.status = 'active' and c.expires_at > clock_timestamp()
     and c.participant = p_participant
     and (c.parts is null or c.parts @> v_parts or c.id = v_named)
     and not ablo.claim_row_deleted(c)
   order by c.id = v_named desc, c.ticket limit 1;
  if v_named is not null and v_own.id is distinct from v_named then
    perform ablo.claim_lost(p_organization, p_participant, v_named);
  end if;
  if p_policy is distinct from 'overwrite' then
    v_holders := ablo.claim_holders(p_organization, p_model, p_row_id, v_parts, p_participant);
    if v_holders is not null then
      perform ablo.claim_refuse('entity_claimed', p_model, p_row_id, v_holders);
    end if;
  end if;
  -- The token of one's own live claim is valid, however many were granted on other parts.
  if p_operation ->> 'fenceToken' is not null and p_operation -> 'fenceToken' is distinct from to_jsonb(v_own.fence_token) then
    perform ablo.fence_check(p_organization, p_model, p_row_id, p_operation -> 'fenceToken');
  end if;
  if v_own.id is not null and v_named is null then
    if p_before < 9223372036854775807 and ablo.claim_of(p_model, p_row_id) is distinct from v_own.id then
      raise exception using errcode = 'lock_not_available',
        message = format('%s %s is written under claim %s, which the commit does not name', p_model, left(p_row_id, 80), v_own.id),
        hint = 'send the commit alone, or name the claim';
    end if;
    perform ablo.claim_note(v_own);
  end if;
end
$$;
