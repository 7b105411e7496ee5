create or replace function ablo.claim_words(p_model text, p_row_id text, p_holders jsonb) returns text
language sql stable
as $$
  -- A row's holder, purpose and expiry, as a sentence. Called by: the refusals.
  select case when p_holders is null then format('%s %s is being written', p_model, left(p_row_id, 80))
    else format('%s %s is claimed by %s (%s) until %s', p_model, left(p_row_id, 80),
      p_holders -> 0 ->> 'heldBy', left(p_holders -> 0 ->> 'description', 200),
      to_char(to_timestamp((p_holders -> 0 ->> 'expiresAt')::numeric / 1000) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
  end
$$;
