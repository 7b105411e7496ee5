-- After how many milliseconds a waiter must look again, when no notification comes: before its own slot
-- runs out, within 5 s, and, at the head of the line, as soon as the holder's lease has run out.
-- 100 ms when only a writer at work is in the way, since nothing tells when that has ended.
-- Called by: ablo.claim_answer, ablo.claim_heartbeat.
create or replace function ablo.claim_recheck(p_claim ablo.claim, p_blockers jsonb) returns bigint
language plpgsql stable
as $$
begin
  return case
    when p_blockers = '[]' then 100
    else greatest(10, least(5000,
      extract(epoch from p_claim.ttl) * 1000 / 3,
      case when not p_blockers @> '[{"status": "queued"}]' then (
        select min((b ->> 'expiresAt')::bigint) - ablo.ms(clock_timestamp()) + 5
          from jsonb_array_elements(p_blockers) b) end))
  end::bigint;
end
$$;
