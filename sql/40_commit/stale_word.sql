-- What onStale says, in its present spelling: force means overwrite, merge means notify. Any
-- other word comes back as it is, flag among them: the write lands, and its receipt says what had moved.
-- Called by: whatever reads an onStale or a conflict policy. Inlined into expressions.
create or replace function ablo.stale_word(p_on_stale text) returns text
language sql immutable parallel safe
as $$
  select case p_on_stale when 'force' then 'overwrite' when 'merge' then 'notify' else p_on_stale end
$$;
