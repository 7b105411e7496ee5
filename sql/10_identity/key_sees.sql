create or replace function ablo.key_sees(p_key ablo.key_rights, p_typename text, p_groups text[]) returns boolean
language sql immutable
as $$
  -- Whether a key may see what belongs to these sync groups of a model; nothing else decides this. A row is seen
  -- by its current groups, a change by those that it left the row in, a claim or an activity by its row's
  -- (ablo.row_seen), a delta by its own (ablo.delta_seen). No key (a null record) sees everything. Relays mirror
  -- it for the stream in ablo_pg.changefeed.view; a test compares the two.
  -- Called by: ablo.row_seen, ablo.delta_seen, the read routines.
  select ablo.key_may(p_key, p_typename, 'read')
    and (p_key.sync_groups is null or coalesce(p_groups && p_key.sync_groups, false))
$$;
