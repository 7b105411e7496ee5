create or replace function ablo.claim_holders_now(
  p_organization text, p_model text, p_row_id text, p_parts text[], p_participant text
) returns jsonb
language plpgsql volatile
as $$
  -- As ablo.claim_holders, for a transaction whose snapshot may be older than the claims. A plain lookup
  -- would not find a claim that was granted after that snapshot, and would find the old expiry of one
  -- that was renewed. Three things see the present:
  -- * a unique index: inserting a target that exists, invisibly to us, fails with 40001
  -- * locking the target: every grant updates it, and locking what was updated since fails with 40001
  -- * locking the claims themselves, which a renewal or release updates
  -- All of it in a subtransaction that is rolled back: it leaves no target behind, and no lock in the way of
  -- the holder's heartbeat. A grant after this waits for the row, which the writer has locked.
  -- Called by: ablo.claim_bind. Raises: serialization_failure (40001), which the writer's code expects at
  -- its isolation level; a retry then sees the claim.
declare
  v_holders jsonb;
begin
  insert into ablo.claim_target (organization_id, model, row_id) values (p_organization, p_model, p_row_id)
  on conflict do nothing;
  if not found then
    perform from ablo.claim_target t
      where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id for share;
    perform from ablo.claim c
      where c.organization_id = p_organization and c.model = p_model and c.row_id = p_row_id
        and c.status in ('active', 'queued') and c.status = 'active' for share;
    v_holders := ablo.claim_holders(p_organization, p_model, p_row_id, p_parts, p_participant);
  end if;
  raise exception using errcode = 'raise_exception', message = 'undo';
exception when raise_exception then
  return v_holders;
end
$$;
