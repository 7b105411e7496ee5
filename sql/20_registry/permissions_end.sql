create or replace function ablo.permissions_end(p_models jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- End what models of an earlier schema permitted: the policies of tables whose model no longer limits reading, and
  -- ablo_model.sees if none does. Without such a model it is inlined, and costs nothing.
  -- Called by: ablo.schema_register. Locks: those tables. p_models: see there.
declare
  v_policy record;
begin
  for v_policy in
    select p.polname, p.polrelid::regclass as name from pg_catalog.pg_policy p
     where pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg reads %'
       and not exists (
         select from jsonb_array_elements(p_models) d
          where d ? 'readsFunction' and to_regclass(format('%I.%I', d ->> 'tableSchema', d ->> 'table')) = p.polrelid)
  loop
    execute format('drop policy %I on %s', v_policy.polname, v_policy.name);
  end loop;
  -- Not where it is so already: a user's event trigger may not find its names under this search_path.
  if not exists (select from jsonb_array_elements(p_models) d where d ? 'readsFunction')
    and (select p.prosrc from pg_catalog.pg_proc p where p.oid = 'ablo_model.sees(text, json, json, text)'::regprocedure) <> 'select true'
  then
    create or replace function ablo_model.sees(p_model text, p_row json, p_before json, p_actor text) returns boolean
    language sql stable
    as 'select true';
  end if;
end
$$;
