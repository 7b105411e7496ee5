-- A delta says what was before, and which groups its row has entered. Set-wise writes return both: their functions are
-- dropped, so that these writes go one by one until the schema is compiled again (`ablo-pg migrate`).
alter table ablo.delta add column if not exists before json;
alter table ablo.delta add column if not exists entered_groups text[];
drop function if exists ablo.delta_read(text, bigint, int, bigint, text);
drop function if exists ablo.delta_tail(text, bigint, int, text);
drop function if exists ablo.row_drifted(text, regclass, jsonb, jsonb);
drop function if exists ablo.batch_rows(text, timestamptz, ablo.batch_operation[]);
do $drop$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid from pg_catalog.pg_proc p
     where p.pronamespace = 'ablo_model'::regnamespace
       and p.proargnames[array_length(p.proargnames, 1) - 6:]
           = array['ord', 'op', 'row_id', 'groups', 'left_groups', 'row', 'changed']
  loop
    execute pg_catalog.format('drop function %s', v_function);
  end loop;
end
$drop$;
