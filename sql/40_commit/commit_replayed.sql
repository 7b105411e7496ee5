create or replace function ablo.commit_replayed(p_organization text, p_participant text, p_key text, p_transport text)
returns void
language sql volatile
as $$
  -- Record that a receipt was returned again, the first 20 times.
  -- Called by: ablo.commit_run, which holds the key's lock.
  insert into ablo.receipt_replay (organization_id, participant, key, replayed_at, transport)
  select p_organization, p_participant, p_key, clock_timestamp(), p_transport
   where (select count(*) from ablo.receipt_replay r
           where r.organization_id = p_organization and r.participant = p_participant and r.key = p_key) < 20
$$;
