create or replace function ablo.id_next(p_model text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- The id of a row that is created without one, if its table generates ids: the value of the column's own
  -- default, or its next number. Null: the table generates none, so the client chooses the id.
  -- Called by: ablo.commit_apply. Locks: none. EXECUTE: of the default, as the table's owner wrote it.
declare
  v_model ablo.model;
  v_table regclass;
  v_sequence regclass;
  v_default text;
  v_id text;
begin
  select * into v_model from ablo.model m where m.typename = p_model;
  v_table := to_regclass(format('%I.%I', v_model.table_schema, v_model.table_name));
  v_sequence := ablo.id_sequence(v_table, ablo.id_column(v_model));
  if v_sequence is not null then
    return nextval(v_sequence)::text;
  end if;
  select pg_get_expr(d.adbin, d.adrelid) into v_default
    from pg_attribute a join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
   where a.attrelid = v_table and a.attname = ablo.id_column(v_model) and a.attgenerated = '';
  if v_default is null then
    return null;
  end if;
  execute format('select (%s)::%s::text', v_default,
    (select format_type(a.atttypid, a.atttypmod) from pg_attribute a
      where a.attrelid = v_table and a.attname = ablo.id_column(v_model))) into v_id;
  return v_id;
end
$$;
