-- End a claim: committed (released), expired or canceled. Called by: release, break, advance.
-- Locks: the claim; its target is locked by the caller.
create or replace function ablo.claim_end(p_organization text, p_id text, p_status text, p_caller text) returns void
language plpgsql volatile
as $$
begin
  update ablo.claim c set status = p_status, ended_at = clock_timestamp()
   where c.organization_id = p_organization and c.id = p_id;
  perform ablo.claim_wake(p_id, p_caller);
end
$$;
