-- Held exclusively (for its session) by one relay that shows its clients claims and presence: meanwhile, their
-- changes NOTIFY. Every relay receives the notifications.
create or replace function ablo.live_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000020 $$;
