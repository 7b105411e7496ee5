-- How many deltas back a premise of its organization may lie if its check has to walk them (filters, groups),
-- which happens under the order lock. This many take about 10 ms for a group, and up to 60 ms for a filter on
-- the model that made them all.
-- Called by: ablo.walk_start.
create or replace function ablo.walk_limit() returns int
language sql immutable parallel safe
as $$ select 10000 $$;
