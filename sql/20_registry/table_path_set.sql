create or replace function ablo.table_path_set(p_table regclass, p_function regprocedure) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Let a compiled function run under the search_path that the triggers of a table find names by; without
  -- a table, those of all models' tables.
  -- Called by: the compiled script, for the write function of each model; ablo.schema_register, for
  -- ablo_model.settle. Locks: none.
declare
  v_path text := ablo.table_path(p_table);
begin
  if p_table is null then
    select 'pg_catalog, ' || coalesce(string_agg(w.name, ', ' order by w.place) || ', ', '') || 'pg_temp' into v_path
      from (select r.m[1] as name, min(r.n) as place
              from ablo.model d, to_regclass(format('%I.%I', d.table_schema, d.table_name)) t,
                   regexp_matches(ablo.table_path(t), '("(?:[^"]|"")+"|[^", ]+)', 'g') with ordinality r (m, n)
             where d.tenancy in ('column', 'parent') and r.m[1] not in ('pg_catalog', 'pg_temp')
             group by 1) w;
  end if;
  perform set_config('search_path', ablo.table_path(null), true);  -- for event triggers of the user's
  execute format('alter function %s set search_path to %s', p_function, v_path);
end
$$;
