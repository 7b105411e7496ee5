-- A BRIN index over a table that rows are deleted from leads to every page of it. The tables' own files make these anew.
do $$ declare
  v_name text;
begin
  for v_name in select c.oid::regclass from pg_class c join pg_am a on a.oid = c.relam
                 where c.relnamespace = 'ablo'::regnamespace and a.amname = 'brin' loop
    execute format('drop index %s', v_name);
  end loop;
end $$;
