create or replace function ablo.sync_id_spaced() returns bigint
language sql volatile
as $$
  -- A sync id with ablo.sight_ids() unused ones before it, for the change of a grant: streams number with these what
  -- comes into sight or leaves it. Another organization's deltas may lie among them.
  -- Called by: capture functions of granting models, with the order lock held. About 0.1 ms.
  select max(nextval('ablo.sync_id')) from generate_series(0, ablo.sight_ids())
$$;
