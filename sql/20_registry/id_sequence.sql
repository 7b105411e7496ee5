create or replace function ablo.id_sequence(p_table regclass, p_column text) returns regclass
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- The sequence that numbers a table's rows: of its identity column, or the one that the column's default uses.
  -- Null: there is none.
  -- Called by: ablo.id_pass. Locks: none.
  select s.oid::regclass
    from pg_attribute a
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    join pg_depend u on
      u.classid = 'pg_attrdef'::regclass and u.objid = d.oid and u.refclassid = 'pg_class'::regclass
      or u.classid = 'pg_class'::regclass and u.refclassid = 'pg_class'::regclass and u.refobjid = a.attrelid
         and u.refobjsubid = a.attnum and u.deptype = 'i' and a.attidentity <> ''
    join pg_class s on s.relkind = 'S' and s.oid = case when u.classid = 'pg_attrdef'::regclass then u.refobjid else u.objid end
   where a.attrelid = p_table and a.attname = p_column and not a.attisdropped
   limit 1
$$;
