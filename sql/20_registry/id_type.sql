create or replace function ablo.id_type(p_definition jsonb) returns text
language sql stable
as $$
  -- The type that ids of a model are looked up as, by what its table has: whole numbers of any width as
  -- bigint, uuid, char(n), anything else as text. Null: there is no such table or column.
  -- Called by: ablo.schema_register, with the model's definition. Locks: none.
  select case t.typname when 'int8' then 'bigint' when 'int4' then 'bigint' when 'int2' then 'bigint'
                        when 'uuid' then 'uuid' when 'bpchar' then 'bpchar' else 'text' end
    from jsonb_array_elements(p_definition -> 'fields') f
    join pg_catalog.pg_attribute a
      on a.attrelid = to_regclass(format('%I.%I', p_definition ->> 'tableSchema', p_definition ->> 'table'))
     and a.attname = f ->> 'column' and not a.attisdropped
    join pg_catalog.pg_type t on t.oid = ablo.base_type(a.atttypid)
   where f ->> 'wire' = 'id'
$$;
