create or replace function ablo.stale_word(p_on_stale text) returns text
language sql immutable parallel safe
as $$
  -- An onStale in its current spelling: force means overwrite, merge means notify. Other words are returned
  -- unchanged, including flag: the write lands, and its receipt lists what had changed.
  -- Called by: readers of an onStale or a conflict policy. Inlined into expressions.
  select case p_on_stale when 'force' then 'overwrite' when 'merge' then 'notify' else p_on_stale end
$$;
