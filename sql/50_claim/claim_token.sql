create or replace function ablo.claim_token(p_organization text, p_model text, p_row_id text, p_token bigint default null)
returns bigint
language plpgsql volatile
as $$
  -- Lock a row for a grant and raise its target's fencing token, which is returned; null, and no token is raised, while
  -- a writer has the row. p_token: of a new target (ablo.claim_target_lock), which needs no other.
  -- Called by: ablo.claim_grant, ablo.claim_acquire. Locks: the row, with a brief wait; the target is locked by the
  -- caller. A write that passed its guard before this holds the row until it has landed; a later one finds the claim
  -- when it has the row.
declare
  v_token bigint;
begin
  if ablo.row_try_lock(p_organization, p_model, p_row_id, '100ms') then
    if p_token is not null then
      return p_token;
    end if;
    update ablo.claim_target t set fence_token = nextval('ablo.fence_token')
     where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id
    returning t.fence_token into v_token;
  elsif p_token is not null then  -- ablo.claim_sweep keeps a target that has been granted later than its claims
    update ablo.claim_target t set fence_token = 0
     where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id;
  end if;
  return v_token;
end
$$;
