create or replace function ablo.text_fits(p_text text) returns boolean
language sql immutable strict
as $$
  -- Whether a name from a client (a participant, a key, an id) is free of control characters, which would move
  -- the cursor of a terminal that shows them.
  -- Called by: participant_check, commit_check, claim_request, presence_check.
  select p_text !~ '[\u0001-\u001f\u007f-\u009f]'
$$;
