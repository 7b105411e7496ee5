create or replace function ablo.base_type(p_type oid) returns oid
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- The type under a domain, through any number of domains; any other type is returned unchanged.
  -- Called by: the compiled script, ablo.id_type. Locks: none.
  with recursive under (oid, base) as (
    select t.oid, t.typbasetype from pg_type t where t.oid = p_type
    union all
    select t.oid, t.typbasetype from under u join pg_type t on t.oid = u.base
  )
  select oid from under where base = 0
$$;
