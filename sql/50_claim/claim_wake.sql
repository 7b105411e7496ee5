-- Tell whoever waits that a claim has changed. A hint, at most 64 bytes: every wait also re-reads.
-- Called by: claim routines.
create or replace function ablo.claim_wake(p_id text) returns void
language plpgsql volatile
as $$
begin
  perform pg_notify('ablo_claim', case when octet_length(p_id) <= 64 then p_id else '' end);
end
$$;
