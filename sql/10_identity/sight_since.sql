create or replace function ablo.sight_since() returns bigint
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The sync id before which cursors of users and agents are out of date, since a push changed what they may see.
  -- Called by: relays, every few seconds, for the connections that are open.
  select s.since from ablo.sight_rule s
$$;
