-- How many deltas back a premise may lie if its check has to walk them, which happens under the order lock: the
-- organization's for filters and groups; the row's for fields of a row, or a key that is limited to groups. This
-- many take about 10 ms for a group, and up to 60 ms for a filter on the model that made them all.
-- Called by: ablo.walk_start, ablo.premise_stale.
create or replace function ablo.walk_limit() returns int
language sql immutable parallel safe
as $$ select 10000 $$;
