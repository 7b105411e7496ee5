create or replace function ablo.key_check_references(
  p_organization text, p_key ablo.key_rights, p_model text, p_id text, p_data jsonb
) returns void
language plpgsql volatile
as $$
  -- Check that an operation refers to no row outside the sync groups of its key, nor to one that its participant may
  -- not read: a foreign key would reveal whether a row exists. Every foreign key of the table that refers to a model by id counts, declared or not.
  -- Existing references may stay.
  -- Called by: ablo.key_check_operation; ablo.commit_apply, if a model limits reading. Locks: none. Raises: capability_scope_denied.
declare
  v_reference record;
begin
  if not ablo_model.sees(p_model, null, null, null) and ablo_model.read(p_model, p_id) is not null
    and not ablo.row_seen(p_organization, p_key, p_model, p_id)
  then
    return;  -- the write says that there is no such row, whatever it refers to
  end if;
  for v_reference in
    select m.typename, m.key, f.wire, p_data ->> f.wire as id
      from ablo.model own
      join pg_catalog.pg_constraint c
        on c.contype = 'f' and c.conrelid = to_regclass(format('%I.%I', own.table_schema, own.table_name))
     cross join lateral unnest(c.conkey, c.confkey) k (own, theirs)
      join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.own
      join ablo.field f on f.typename = own.typename and f.column_name = a.attname
      join pg_catalog.pg_class t on t.oid = c.confrelid
      join ablo.model m on m.table_name = t.relname and m.table_schema = t.relnamespace::regnamespace::text
      join pg_catalog.pg_attribute b
        on b.attrelid = c.confrelid and b.attnum = k.theirs and b.attname = ablo.id_column(m)
     where own.typename = p_model and m.org_column is not null
       and p_data ->> f.wire is not null and not (m.typename = p_model and p_data ->> f.wire = p_id)
  loop
    continue when (p_key.sync_groups is null or ablo.row_groups_now(p_organization, v_reference.typename, v_reference.id) && p_key.sync_groups)
      and (ablo_model.sees(v_reference.typename, null, null, null) or ablo.row_seen(p_organization, p_key, v_reference.typename, v_reference.id))
      or ablo_model.read(p_model, p_id) ->> v_reference.wire = v_reference.id;
    perform ablo.key_outside(p_key.id, v_reference.key, v_reference.id);
  end loop;
end
$$;
