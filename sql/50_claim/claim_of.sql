create or replace function ablo.claim_of(p_model text, p_row_id text) returns text
language sql stable
as $$
  -- The claim under which this commit writes a row, or null. Called by: capture functions, in their
  -- insert (small enough to be inlined there). Set by ablo.claim_guard.
  select case when current_setting('ablo.claims', true) <> ''
    then current_setting('ablo.claims', true)::jsonb -> (p_model || ':' || p_row_id) ->> 0 end
$$;
