-- The advisory lock keys of the kernel, in one place. 64-bit keys: a clash with another application's key, or
-- of two organizations, only makes one wait for the other.
create or replace function ablo.order_key(p_organization text) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_organization, 7001) $$;

-- Held shared by every commit, exclusively by one that touches very many organizations.
create or replace function ablo.order_gate_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000001 $$;

-- Held exclusively (for its session) by one LISTEN reader: while it is, commits NOTIFY.
create or replace function ablo.listen_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000002 $$;
