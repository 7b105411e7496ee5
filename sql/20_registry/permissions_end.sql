create or replace function ablo.permissions_end(p_models jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- End what models of an earlier schema permitted: the policies of tables whose model no longer limits reading, and
  -- ablo_model.sees if none does, nor hides fields. Without such a model it is inlined, and costs nothing. A model that limited reading
  -- and is no longer declared leaves its table's policy, and its past is closed (ablo.models_closed).
  -- Called by: ablo.schema_register. Locks: those tables. p_models: see there.
declare
  v_policy record;
  v_closed constant text[] := ablo.models_closed();
  v_sees constant text := case when v_closed = '{}' then 'select true'
    else 'select p_model is not null and p_model <> all (ablo_model.closed())' end;
begin
  for v_policy in
    select p.polname, p.polrelid::regclass as name from pg_catalog.pg_policy p
     where pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg reads %'
       and exists (
         select from jsonb_array_elements(p_models) d
          where not d ? 'readsFunction' and to_regclass(format('%I.%I', d ->> 'tableSchema', d ->> 'table')) = p.polrelid)
  loop
    execute format('drop policy %I on %s', v_policy.polname, v_policy.name);
  end loop;
  -- Not where it is so already: a user's event trigger may not find its names under this search_path.
  if ablo_model.closed() <> v_closed then
    execute format('create or replace function ablo_model.closed() returns text[] language sql stable as %L',
      format('select %L::text[]', v_closed));
  end if;
  if not exists (select from jsonb_array_elements(p_models) d where d ?| array['readsFunction', 'hidesFields'])
    and (select p.prosrc from pg_catalog.pg_proc p where p.oid = 'ablo_model.sees(text, json, json, text)'::regprocedure) <> v_sees
  then
    execute format('create or replace function ablo_model.sees(p_model text, p_row json, p_before json, p_actor text) '
      'returns boolean language sql stable as %L', v_sees);
  end if;
end
$$;
