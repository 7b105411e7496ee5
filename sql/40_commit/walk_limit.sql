-- How many deltas of its organization a premise may lie behind, where judging it means to walk them
-- (filters, groups): it happens under the order lock, and this many take some 20 ms.
-- Called by: ablo.walk_start.
create or replace function ablo.walk_limit() returns int
language sql immutable parallel safe
as $$ select 10000 $$;
