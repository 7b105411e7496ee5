create or replace function ablo.reference_check(
  p_organization text, p_model text, p_id text, p_data jsonb, p_deferred boolean
) returns void
language plpgsql volatile
as $$
  -- Refuse an operation that refers to a row of another organization, as Postgres refuses one that refers to none. The
  -- foreign keys of tables that we make hold the organization. Those of adopted tables find rows of every organization:
  -- the answer would tell that the row is there, and its owner could not delete it, or would delete what refers to it.
  -- What the row refers to already may stay. p_deferred: the foreign keys that are judged at the end of the transaction,
  -- else the others, which are looked at before the write.
  -- Called by: ablo.commit_apply, for callers behind a relay, where a table holds an id once for all organizations.
  -- Locks: none. Raises: foreign_key_violation.
declare
  v_reference record;
  v_there boolean;
begin
  for v_reference in
    select own.table_schema, own.table_name, own.key, c.conname, f.wire, p_data ->> f.wire as value,
           format('select exists (select from %I.%I t where t.%I = $1::%s and t.%I = $2)',
             m.table_schema, m.table_name, b.attname, format_type(b.atttypid, null), m.org_column) as query
      from ablo.model own
      join pg_catalog.pg_constraint c
        on c.contype = 'f' and c.conrelid = to_regclass(format('%I.%I', own.table_schema, own.table_name))
     cross join lateral unnest(c.conkey, c.confkey) k (own, theirs)
      join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.own
      join ablo.field f on f.typename = own.typename and f.column_name = a.attname
      join pg_catalog.pg_class t on t.oid = c.confrelid
      join ablo.model m on m.table_name = t.relname and m.table_schema = t.relnamespace::regnamespace::text
      join pg_catalog.pg_attribute b on b.attrelid = c.confrelid and b.attnum = k.theirs
     where own.typename = p_model and c.condeferred = p_deferred and m.org_column is not null
       and b.atttypid < 16384  -- of Postgres's own, whose comparison is found
       and p_data ->> f.wire is not null and not (m.typename = p_model and p_data ->> f.wire = p_id)
       and not exists (
         select from pg_catalog.pg_attribute o
          where o.attrelid = c.confrelid and o.attname = m.org_column and o.attnum = any (c.confkey))
  loop
    begin
      execute v_reference.query into v_there using v_reference.value, p_organization;
    exception when data_exception then  -- the write says what is wrong with the value
      v_there := true;
    end;
    continue when v_there or not p_deferred and ablo_model.read(p_model, p_id) ->> v_reference.wire = v_reference.value;
    raise exception using errcode = 'foreign_key_violation', schema = v_reference.table_schema,
      table = v_reference.table_name, constraint = v_reference.conname,
      message = format('%s.%s: the row it refers to does not exist', v_reference.key, v_reference.wire);
  end loop;
end
$$;
