-- Note each change of a claim's status, whichever routine makes it. Trigger function of ablo.claim; a claim
-- that is asked for is noted by ablo.claim_acquire, once it is known whether it waits.
create or replace function ablo.claim_changed() returns trigger
language plpgsql volatile
as $$
begin
  perform ablo.claim_event_note(new);
  return null;
end
$$;

create or replace trigger claim_changed after update of status on ablo.claim
  for each row when (new.status is distinct from old.status)
  execute function ablo.claim_changed();
