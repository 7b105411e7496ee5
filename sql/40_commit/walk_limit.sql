-- How many deltas of its organization a premise may lie behind, where judging it means to walk them
-- (filters, groups): it happens under the order lock. This many take about 10 ms for a group, and
-- up to 60 ms for a filter on the model that made them all.
-- Called by: ablo.walk_start.
create or replace function ablo.walk_limit() returns int
language sql immutable parallel safe
as $$ select 10000 $$;
