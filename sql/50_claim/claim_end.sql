create or replace function ablo.claim_end(p_organization text, p_id text, p_status text, p_caller text) returns boolean
language plpgsql volatile
as $$
  -- End a claim: committed (released), expired or canceled. False, and nothing is done, for one that is to expire
  -- but was just renewed: its holder has been notified of the renewal.
  -- Called by: release, break, get, advance. Locks: the claim; its target is locked by the caller, but not
  -- against claim_heartbeat_all.
declare
  v_done text;
begin
  update ablo.claim c set status = p_status, ended_at = clock_timestamp()
   where c.organization_id = p_organization and c.id = p_id
     and (p_status <> 'expired' or c.expires_at <= clock_timestamp());
  if not found then
    return false;
  end if;
  v_done := ablo.claim_wake(p_id, p_caller);
  return true;
end
$$;
