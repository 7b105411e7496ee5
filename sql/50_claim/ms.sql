-- A time as milliseconds since 1970, as clients get it. Called by: claim and presence routines.
create or replace function ablo.ms(p_time timestamptz) returns bigint
language sql stable
as $$ select floor(extract(epoch from p_time) * 1000)::bigint $$;
