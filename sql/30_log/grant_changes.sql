create or replace function ablo.grant_changes(p_delta ablo.delta, p_user text)
returns table (granted text, change int)
language sql immutable
as $$
  -- By how much a delta of a granting model changes each group of a user: 1 or -1. Such rows are in two more groups,
  -- `~user:<user>` and `~grants:<length of user>:<user>:<group>`. Those of left_groups, and those that the old row
  -- had already, were there before; ablo_pg.changefeed.sight mirrors it.
  -- Called by: ablo.sight_at.
  with pair (name, before, after) as (
    select g,
           p_delta.op <> 'I' and g <> all (coalesce(p_delta.entered_groups, '{}')),
           p_delta.op <> 'D' and g <> all (coalesce(p_delta.left_groups, '{}'))
      from unnest(p_delta.groups || coalesce(p_delta.left_groups, '{}')) g
     where starts_with(g, format('~grants:%s:%s:', length(p_user), p_user)))
  select substr(p.name, length(format('~grants:%s:%s:', length(p_user), p_user)) + 1), p.after::int - p.before::int
    from pair p where p.after <> p.before
$$;
