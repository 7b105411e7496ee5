create or replace function ablo.claim_target_lock(p_organization text, p_model text, p_row_id text) returns bigint
language plpgsql volatile
as $$
  -- Lock a target's claims against every other routine that changes them: the first lock of each. At READ
  -- COMMITTED only: an old snapshot would not show later waiters. Returns the fencing token of a target that is new:
  -- nothing is claimed of it, nothing waits for it. Else null.
  -- Called by: acquire, heartbeat, get, release, break, reorder. Locks: the row of ablo.claim_target. Raises:
  -- isolation_level_unsupported.
declare
  v_token bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ablo.raise_error('isolation_level_unsupported',
      format('claims cannot be made at isolation level %s', current_setting('transaction_isolation')),
      'make them at READ COMMITTED, in a separate transaction');
  end if;
  loop
    perform from ablo.claim_target t
      where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id for update;
    if found then
      return null;
    end if;
    -- A new target is its creator's. Another's is locked first, unless a sweep has deleted it in between.
    insert into ablo.claim_target (organization_id, model, row_id, fence_token)
    values (p_organization, p_model, p_row_id, nextval('ablo.fence_token'))
    on conflict do nothing
    returning fence_token into v_token;
    if v_token is not null then
      return v_token;
    end if;
  end loop;
end
$$;
