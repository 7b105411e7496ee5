create or replace function ablo.key_reach(p_key ablo.api_key) returns text[]
language sql stable
as $$
  -- The sync groups that a key may see now, null: all of the organization's. The one place that decides it. It is
  -- inlined: without identity roles it costs what reading the column costs.
  -- Called by: ablo.key_of, ablo.key_acting, ablo.key_covers, ablo.key_find.
  select case when ablo_model.roles() then ablo.sight_groups(p_key) else (p_key).sync_groups end
$$;
