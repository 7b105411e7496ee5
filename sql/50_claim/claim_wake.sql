create or replace function ablo.claim_wake(p_id text, p_caller text) returns void
language plpgsql volatile
as $$
  -- Notify waiters that a claim has changed. A hint, at most 64 bytes: every waiter also checks on its own. Not
  -- for the caller's own claim: its answer has everything, and a transaction without notifications does not queue
  -- for the server's one notification lock.
  -- Called by: claim routines. p_caller: the claim that the caller asks about, or null.
begin
  if p_id is distinct from p_caller then
    perform pg_notify('ablo_claim', case when octet_length(p_id) <= 64 then p_id else '' end);
  end if;
end
$$;
