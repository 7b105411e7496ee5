-- Tell whoever waits that a claim has changed. A hint, at most 64 bytes: every wait also looks again by
-- itself. Not for the claim that the caller deals with: its answer says it all, and a transaction
-- that notifies nobody does not queue for the server's one notification lock.
-- Called by: claim routines. p_caller: the claim that the caller asks about, or null.
create or replace function ablo.claim_wake(p_id text, p_caller text) returns void
language plpgsql volatile
as $$
begin
  if p_id is distinct from p_caller then
    perform pg_notify('ablo_claim', case when octet_length(p_id) <= 64 then p_id else '' end);
  end if;
end
$$;
