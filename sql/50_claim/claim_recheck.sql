create or replace function ablo.claim_recheck(p_claim ablo.claim, p_blockers jsonb) returns bigint
language plpgsql stable
as $$
  -- After how many milliseconds a waiter must check again without a notification: before its own place expires,
  -- within 5 s, and, at the head of the queue, as soon as the holder's lease has expired. 100 ms if only a
  -- current write is in the way, since no notification reports its end.
  -- Called by: ablo.claim_answer, ablo.claim_heartbeat.
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
