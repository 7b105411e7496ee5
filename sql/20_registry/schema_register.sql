create or replace function ablo.schema_register(p_schema json, p_hash text, p_models jsonb)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Record a compiled schema as the active one. The same hash and the same models change nothing.
  -- Called by: the compiled script's last statement. Locks: ablo.schema_version (share row exclusive),
  -- so that two pushes do not interleave. p_models: array of
  -- {key, typename, tableSchema, table, orgColumn, tenancy, groupKind, conflict, mutable, load,
  --  archivedColumn, rowFunction, groupsFunction, readsFunction?, permitsFunction?,
  --  permissions?: {verb: {text, both}}, grants?, idType, fields: [{wire, column, type, optional}]}.
declare
  v_version bigint;
begin
  lock table ablo.schema_version in share row exclusive mode;
  select version into v_version from ablo.schema_version where active and hash = p_hash;
  if v_version is null then
    update ablo.schema_version set active = false where active;
    insert into ablo.schema_version (version, hash, schema)
    select coalesce(max(s.version), 0) + 1, p_hash, p_schema from ablo.schema_version s
    returning version into v_version;
  end if;
  delete from ablo.model m
   where not exists (select from jsonb_array_elements(p_models) d where d = m.definition);
  insert into ablo.model (typename, key, table_schema, table_name, org_column, tenancy, group_kind,
                          conflict, mutable, load, archived_column, row_function, id_type, id_shared, definition)
  select d ->> 'typename', d ->> 'key', d ->> 'tableSchema', d ->> 'table', d ->> 'orgColumn',
         d ->> 'tenancy', d ->> 'groupKind', coalesce(d -> 'conflict', '{}'),
         coalesce((d ->> 'mutable')::boolean, true), coalesce(d ->> 'load', 'instant'),
         d ->> 'archivedColumn', d ->> 'rowFunction',
         coalesce(ablo.id_type(d), d ->> 'idType', 'text'), ablo.id_shared(d), d
    from jsonb_array_elements(p_models) d
      on conflict (typename) do update set id_type = excluded.id_type, id_shared = excluded.id_shared
         where (ablo.model.id_type, ablo.model.id_shared) <> (excluded.id_type, excluded.id_shared);
  insert into ablo.field (typename, wire, column_name, type, optional, position)
  select d ->> 'typename', f ->> 'wire', f ->> 'column', f ->> 'type',
         coalesce((f ->> 'optional')::boolean, false), n
    from jsonb_array_elements(p_models) d,
         jsonb_array_elements(d -> 'fields') with ordinality as x (f, n)
      on conflict (typename, wire) do nothing;
  update ablo.field f set column_type = n.now
    from (select x.typename, x.wire, ablo.column_type(to_regclass(format('%I.%I', m.table_schema, m.table_name)), x.column_name) as now
            from ablo.field x join ablo.model m using (typename)) n
   where n.typename = f.typename and n.wire = f.wire and f.column_type is distinct from n.now;
  -- The triggers of this transaction lock writers out, so that no change falls in between.
  insert into ablo.model_adopted (typename, sync_id)
  select d ->> 'typename', coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0)
    from jsonb_array_elements(p_models) d where d ->> 'tenancy' in ('column', 'parent')
      on conflict (typename) do nothing;
  perform ablo.permissions_end(p_models);
  perform ablo.sight_register(p_schema, p_models);
  perform ablo.table_path_set(null, 'ablo_model.settle()'::regprocedure);
  return v_version;
end
$$;
