-- Lock a target's claims against every other routine that changes them: the first lock of each.
-- Called by: acquire, heartbeat, get, release, break, reorder. Locks: the row of ablo.claim_target.
create or replace function ablo.claim_target_lock(p_organization text, p_model text, p_row_id text) returns void
language plpgsql volatile
as $$
begin
  loop
    perform from ablo.claim_target t
      where t.organization_id = p_organization and t.model = p_model and t.row_id = p_row_id for update;
    exit when found;
    -- Once more after the insert: a sweep may have forgotten the target in between.
    insert into ablo.claim_target (organization_id, model, row_id) values (p_organization, p_model, p_row_id)
    on conflict do nothing;
  end loop;
end
$$;
