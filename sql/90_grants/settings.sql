-- The settings that text depends on, pinned for every entry point: a moment, a float or a filter reads the same
-- whatever the caller's session, role or database sets, also for callers from psql. Routines called by an entry
-- point inherit it. The functions of a model that run for every row (capture, guard) pin what they depend on in
-- the compiled script. It costs about 2 us per call, so ablo.log_head, which lists may call row by row and
-- which returns a number, is left alone.
do $$
declare
  v_routine regprocedure;
begin
  for v_routine in
    select p.oid from pg_catalog.pg_proc p
     where p.pronamespace = 'ablo'::regnamespace and p.proname <> 'log_head'
       and (p.prosecdef or has_function_privilege('ablo_runtime', p.oid, 'execute'))
  loop
    execute format(
      'alter function %s set timezone = ''UTC'' set datestyle = ''ISO, MDY'' set intervalstyle = postgres '
      'set extra_float_digits = 1 set bytea_output = hex set row_security = on set standard_conforming_strings = on',
      v_routine);
  end loop;
end
$$;
