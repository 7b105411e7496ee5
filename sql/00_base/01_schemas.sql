-- Schema ablo holds the kernel; schema ablo_model holds what the compiler writes for each model.
-- Everything after this file is created by ablo_owner.
do $schemas$
begin
  if not pg_catalog.has_database_privilege('ablo_owner', current_database(), 'create') then
    execute format('grant create on database %I to ablo_owner', current_database());
  end if;
  if not pg_catalog.has_schema_privilege('ablo_owner', 'public', 'create') then
    grant usage, create on schema public to ablo_owner;
  end if;
end
$schemas$;

-- A restore without owners (pg_restore --no-owner) gives everything to the role that ran it. This returns it to
-- its owner: the kernel's functions, which run with their owner's rights, and the models' tables, except adopted
-- ones, whose owner only their application knows: there our policies are restrictive.
do $owners$
declare
  v_object text;
begin
  for v_object in
    select format('schema %I', n.nspname) from pg_catalog.pg_namespace n
     where n.nspname in ('ablo', 'ablo_model') and n.nspowner <> 'ablo_owner'::regrole
    union all
    select format('routine %s', p.oid::regprocedure) from pg_catalog.pg_proc p
      join pg_catalog.pg_namespace n on n.oid = p.pronamespace
      join pg_catalog.pg_roles o on o.oid = p.proowner and o.rolname not in ('ablo_owner', 'ablo_writer')
     where n.nspname in ('ablo', 'ablo_model')
    union all
    select format(case c.relkind when 'S' then 'sequence %s' else 'table %s' end, c.oid::regclass) from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('ablo', 'ablo_model') and c.relkind in ('r', 'p', 'S') and c.relowner <> 'ablo_owner'::regrole
       and not exists (select from pg_catalog.pg_depend d where d.objid = c.oid and d.classid = 'pg_catalog.pg_class'::regclass
                        and d.deptype in ('a', 'i') and c.relkind = 'S')
    union all
    select format('table %s', t.tgrelid::regclass) from pg_catalog.pg_trigger t
      join pg_catalog.pg_class c on c.oid = t.tgrelid
      join pg_catalog.pg_namespace n on n.nspname = 'ablo' and n.nspowner = c.relowner and n.nspowner <> 'ablo_owner'::regrole
     where t.tgname = 'zz_ablo_capture' and t.tgparentid = 0
       and not exists (select from pg_catalog.pg_policy p where p.polrelid = c.oid and not p.polpermissive
                        and p.polroles @> array['ablo_runtime'::regrole::oid])
  loop
    execute format('alter %s owner to ablo_owner', v_object);
  end loop;
end
$owners$;

set local role ablo_owner;

create schema if not exists ablo;
create schema if not exists ablo_model;

comment on schema ablo is 'ablo_pg kernel: log, commits, receipts, registry. See sql/README.md.';
comment on schema ablo_model is 'Compiled from the pushed schema; do not edit by hand.';
