create or replace function ablo.transaction_of(p_model text, p_row_id text) returns text
language sql stable
as $$
  -- The transactionId that a commit's client gave the operation on this row, or null.
  -- Called by: capture functions, in their insert (small enough to be inlined there).
  select case when current_setting('ablo.transaction_ids', true) <> ''
    then current_setting('ablo.transaction_ids', true)::jsonb ->> (p_model || ':' || p_row_id) end
$$;
