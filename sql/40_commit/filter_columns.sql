create or replace function ablo.filter_columns(p_model ablo.model, p_wires text[]) returns text
language sql stable
as $$
  -- A delta's row JSON (d."row") as SQL text that gives it the columns of its table under alias t: those that
  -- p_wires names, with the table's own types and collations, so that a filter means the same here as in a list.
  -- A JSON key that is too long for an identifier would be cut, and found in no row: its value is read
  -- separately.
  -- Called by: ablo.filter_match.
  select format('(select %s from json_to_record(d."row") as j (%s)) t',
      string_agg(format('%s as %I', case
        when octet_length(f.wire) < 64 then format('j.%I', f.wire)
        when y.typname = 'jsonb' then format('nullif((d."row" -> %L)::jsonb, ''null'')', f.wire)
        else format('(d."row" ->> %L)::%s', f.wire, x.type) end, f.column_name), ', '),
      coalesce(string_agg(format('%I %s', f.wire, x.type), ', ') filter (where octet_length(f.wire) < 64), 'id text'))
    from ablo.field f
    join pg_catalog.pg_attribute a
      on a.attrelid = to_regclass(format('%I.%I', p_model.table_schema, p_model.table_name)) and a.attname = f.column_name
    join pg_catalog.pg_type y on y.oid = a.atttypid
    cross join lateral (select format_type(a.atttypid, a.atttypmod)
      || case when a.attcollation <> y.typcollation then ' collate ' || a.attcollation::regcollation else '' end) x (type)
   where f.typename = p_model.typename and f.wire = any (p_wires)
$$;
