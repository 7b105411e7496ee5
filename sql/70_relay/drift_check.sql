-- Everything that no longer is as it was installed, one sentence each: tables without forced
-- row-level security or policy, triggers missing or not ENABLE ALWAYS, the publication changed.
-- Called by: ablo.status, ablo-pg doctor. Raises: nothing.
create or replace function ablo.drift_check() returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  with synced as (
    select m.key, m.tenancy, format('%I.%I', m.table_schema, m.table_name) as name,
           to_regclass(format('%I.%I', m.table_schema, m.table_name)) as relation
      from ablo.model m where m.tenancy in ('column', 'parent')
  )
  select format('table %s of model %s does not exist', name, key) from synced where relation is null
  union all
  select format('table %s does not force row-level security', name)
    from synced join pg_catalog.pg_class c on c.oid = relation
   where not (c.relrowsecurity and c.relforcerowsecurity)
  union all
  select format('table %s has no tenant isolation policy', name) from synced
   where relation is not null
     and not exists (select from pg_catalog.pg_policy p where p.polrelid = relation and p.polname like '%tenant_isolation%')
  union all
  select format('trigger %s of table %s is missing', wanted, name) from synced, unnest(array['zz_ablo_guard', 'zz_ablo_capture', 'zz_ablo_truncate']) wanted
   where relation is not null
     and not exists (select from pg_catalog.pg_trigger t where t.tgrelid = relation and t.tgname = wanted)
  union all
  select format('trigger %s of table %s is not ENABLE ALWAYS', t.tgname, name)
    from synced join pg_catalog.pg_trigger t on t.tgrelid = relation
   where t.tgname like 'zz\_ablo\_%' and t.tgenabled <> 'A'
  union all
  select 'publication ablo_delta does not publish inserts into ablo.delta through its root'
   where not exists (
     select from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
      where p.pubname = 'ablo_delta' and p.pubinsert and p.pubviaroot and r.prrelid = 'ablo.delta'::regclass)
$$;
