create or replace function ablo.field_compared(
  p_model ablo.model, p_field ablo.field, out type text, out operators jsonb, out matched text
)
language plpgsql stable
as $$
  -- How the column of a field compares, as SQL: `type`, which a literal is cast to, and `operators`, from = < and
  -- so on to the column's own, if they are not Postgres's (null: they are). The column's type decides, not the
  -- field's: a list is ordered by it, so where a page begins and what a filter calls equal must use it too. Under
  -- the pinned search_path a citext would compare as text. A type's modifier is left out: it would cut or round
  -- the literal. Whole numbers, moments and floats compare across their widths; a real is read as the shortest
  -- decimal that represents it, so a literal is rounded to it (ablo.filter_literal). matched: the collation for
  -- patterns, if the column's own does not support them.
  -- Called by: filters, orders, cursors. Locks: none.
declare
  v_oid oid;
  v_deterministic boolean;
  v_type record;
begin
  select a.atttypid, c.collisdeterministic into v_oid, v_deterministic
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_collation c on c.oid = a.attcollation
   where a.attrelid = to_regclass(format('%I.%I', p_model.table_schema, p_model.table_name))
     and a.attname = p_field.column_name and not a.attisdropped;
  matched := case when not v_deterministic then ' collate "default"' else '' end;
  loop
    type := case
      when v_oid in ('text'::regtype, 'varchar'::regtype, 'name'::regtype) then 'text'
      when v_oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) then 'bigint'
      when v_oid in ('timestamptz'::regtype, 'timestamp'::regtype) then 'timestamptz'
      when v_oid in ('bool'::regtype, 'date'::regtype, 'uuid'::regtype, 'jsonb'::regtype,
                     'numeric'::regtype, 'float4'::regtype, 'float8'::regtype)
        then format_type(v_oid, null) end;
    if type is not null then
      return;
    end if;
    select t.oid, t.typname, t.typtype, t.typbasetype, n.nspname into v_type
      from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
     where t.oid = v_oid;
    exit when v_type.typtype is distinct from 'd';
    v_oid := v_type.typbasetype;
  end loop;
  if v_type.nspname is distinct from 'pg_catalog' and v_type.typtype = 'b' then
    select jsonb_object_agg((array['<', '<=', '=', '>=', '>'])[m.amopstrategy], format('operator(%I.%s)', n.nspname, o.oprname))
           || jsonb_object_agg('<>', format('operator(%I.%s)', n.nspname, w.oprname)) filter (where m.amopstrategy = 3)
      into operators
      from pg_catalog.pg_opclass c
      join pg_catalog.pg_am x on x.oid = c.opcmethod and x.amname = 'btree'
      join pg_catalog.pg_amop m on m.amopfamily = c.opcfamily and m.amoplefttype = v_type.oid and m.amoprighttype = v_type.oid
      join pg_catalog.pg_operator o on o.oid = m.amopopr
      join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
      left join pg_catalog.pg_operator w on w.oid = o.oprnegate
     where c.opcdefault and c.opcintype = v_type.oid;
  end if;
  type := case
    when v_type.typname is null then 'text'
    when v_type.nspname <> 'pg_catalog' then format('%I.%I', v_type.nspname, v_type.typname)
    else quote_ident(v_type.typname) end;
end
$$;
