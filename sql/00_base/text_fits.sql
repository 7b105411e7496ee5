-- Whether a name that clients send (a participant, a key, an id of theirs) holds no control characters:
-- they say nothing, and move the cursor of whoever's terminal shows them.
-- Called by: identity_set, commit_check, claim_request, presence_check.
create or replace function ablo.text_fits(p_text text) returns boolean
language sql immutable strict
as $$
  select p_text !~ '[\u0001-\u001f\u007f-\u009f]'
$$;
