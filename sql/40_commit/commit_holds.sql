create or replace function ablo.commit_holds(p_reads jsonb) returns boolean
language sql immutable parallel safe
as $$
  -- Whether one of a commit's premises, if changed, holds back all of its operations (onStale = notify).
  -- Called by: ablo.commit_run, if there are premises.
  select exists (select from jsonb_array_elements(case jsonb_typeof(p_reads) when 'array' then p_reads else '[]' end) r
                  where ablo.stale_word(r ->> 'onStale') = 'notify')
$$;
