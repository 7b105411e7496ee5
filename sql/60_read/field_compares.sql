create or replace function ablo.field_compares(p_model ablo.model, p_name text) returns text
language plpgsql stable
as $$
  -- How far a program that reads a field's JSON can compare it as its column does: 'order', wholly (text by code
  -- point); 'equal', by = and <> only (text of another collation); 'place', to sort rows but not with a literal (a
  -- uuid that is a string, a real); null: not at all (citext, char(n), an enum type, another type than the field's).
  -- Called by: ablo.row_list. Raises: query_invalid_identifier.
declare
  v_field ablo.field := ablo.field_find(p_model, p_name);
  v_compared record := ablo.field_compared(p_model, v_field);
  v_kind text := case when v_field.type = 'enum' then 'string' else v_field.type end;
begin
  if v_compared.operators is not null or v_compared.matched <> '' then
    return null;
  elsif v_kind = 'string' and v_compared.type = 'text' then
    return case when exists (
      select from pg_catalog.pg_attribute a
        join pg_catalog.pg_collation c on c.oid = a.attcollation
        join pg_catalog.pg_database d on d.datname = current_database()
       where a.attrelid = to_regclass(format('%I.%I', p_model.table_schema, p_model.table_name))
         and a.attname = v_field.column_name and not a.attisdropped
         and case when c.collprovider = 'd' then d.datlocprovider = 'b' or d.datlocprovider = 'c' and d.datcollate in ('C', 'POSIX')
               else c.collprovider = 'b' or c.collprovider = 'c' and c.collcollate in ('C', 'POSIX') end) then 'order' else 'equal' end;
  elsif v_kind = 'json' and v_compared.type = 'jsonb' then
    return 'equal';
  elsif (v_kind, v_compared.type) in (('string', 'uuid'), ('number', 'real')) then
    return 'place';
  end if;
  return case when (v_kind, v_compared.type) in (
    ('integer', 'bigint'), ('number', 'double precision'), ('decimal', 'numeric'), ('boolean', 'boolean'),
    ('datetime', 'timestamptz'), ('date', 'date'), ('uuid', 'uuid')) then 'order' end;
end
$$;
