create or replace function ablo.operations_within(p_operations text[], p_bound text[]) returns boolean
language sql immutable
as $$
  -- Whether what the first list allows is allowed by the second as well. Null allows everything.
  -- Called by: ablo.key_mint.
  select p_bound is null or p_operations is not null and not exists (
    select from unnest(p_operations) o
     where o <> all (p_bound) and '*.' || split_part(o, '.', 2) <> all (p_bound))
$$;
