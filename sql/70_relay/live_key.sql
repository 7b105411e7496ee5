-- Held exclusively (for its session) by one relay that shows its clients who is here and who holds what:
-- while it is, changes of claims and of presence NOTIFY. Every relay hears them.
create or replace function ablo.live_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000020 $$;
