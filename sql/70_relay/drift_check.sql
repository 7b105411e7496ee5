create or replace function ablo.drift_check() returns setof text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Everything that differs from what was installed, one sentence each: missing tables, columns that are missing
  -- or of another type, tables without row-level security (forced on those that ablo_owner owns; an adopted one
  -- keeps its owner) or policy, with a policy that opens them, unlogged ones, triggers missing or not ENABLE
  -- ALWAYS, functions of another owner, a changed publication. SQL that fixes it is on a separate line. Whether a
  -- policy still means what was installed takes a comparison of trees (ablo-pg status); here, that it names the setting.
  -- Called by: ablo.status, ablo-pg doctor. Raises: nothing.
  with synced as (
    select m.key, m.typename, format('%I.%I', m.table_schema, m.table_name) as name,
           to_regclass(format('%I.%I', m.table_schema, m.table_name)) as relation
      from ablo.model m where m.tenancy in ('column', 'parent')
  )
  select format('table %s of model %s does not exist: restore its name and schema, or migrate without the model', name, key)
    from synced where relation is null
  union all
  select format('table %s belongs to no model, but has the triggers of one: it was renamed or moved to another schema', t.tgrelid::regclass)
    from pg_catalog.pg_trigger t where t.tgname = 'zz_ablo_capture' and t.tgparentid = 0
     and not exists (select from synced where relation = t.tgrelid)
  union all
  select format('column %I of table %s (field %s.%s) %s: change it back, or migrate a schema that matches',
      f.column_name, name, key, f.wire,
      case when a.now is null then 'does not exist' else format('is %s, and was %s', a.now, f.column_type) end)
    from synced join ablo.field f using (typename)
    left join lateral (select ablo.column_type(relation, f.column_name) as now) a on true
   where relation is not null and (a.now is null or a.now <> f.column_type)
  union all
  select format('table %s does not %s row-level security', name, case when c.relowner = 'ablo_owner'::regrole then 'force' else 'enable' end)
    from synced join pg_catalog.pg_class c on c.oid = relation
   where not (c.relrowsecurity and (c.relforcerowsecurity or c.relowner <> 'ablo_owner'::regrole))
  union all
  select format(e'table %s is unlogged: a crash of the server empties it, and the log keeps its rows:\nalter table %s set logged;', name, name)
    from synced join pg_catalog.pg_class c on c.oid = relation where c.relpersistence <> 'p'
  union all
  select format('table %s has no tenant isolation policy%s', name, ' for ' || nullif(role, 'public'))
    from synced join pg_catalog.pg_class c on c.oid = relation,
         unnest(case when c.relowner = 'ablo_owner'::regrole then array['public'] else array['ablo_runtime', 'ablo_owner'] end) role
   where not exists (
     select from pg_catalog.pg_policy p
      where p.polrelid = relation and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg %' and p.polcmd = '*'
        and pg_catalog.obj_description(p.oid, 'pg_policy') not like 'ablo\_pg reads %'
        and pg_get_expr(p.polqual, relation) like '%app.current\_org\_id%' and pg_get_expr(p.polwithcheck, relation) like '%app.current\_org\_id%'
        and (role = 'public' and p.polroles = '{0}' or not p.polpermissive and p.polroles @> array[(select r.oid from pg_catalog.pg_roles r where r.rolname = role)]))
  union all
  select format('table %s shows a program every row in plain SQL: the policy of what may not be read is missing; migrate again', name)
    from synced join ablo.model m using (typename)
   where m.definition ? 'readsFunction' and relation is not null and not exists (
     select from pg_catalog.pg_policy p
      where p.polrelid = relation and pg_catalog.obj_description(p.oid, 'pg_policy') like 'ablo\_pg reads %'
        and not p.polpermissive and p.polroles @> array['ablo_runtime'::regrole::oid])
  union all
  select format('login %I may act as %I, which owns table %s: it is not subject to row-level security', m.rolname, c.relowner::regrole::text, name)
    from synced join pg_catalog.pg_class c on c.oid = relation, pg_catalog.pg_roles m
   where c.relowner <> 'ablo_owner'::regrole and m.rolcanlogin and pg_has_role(m.oid, c.relowner, 'member')
     and pg_has_role(m.oid, 'ablo_runtime', 'member') and not pg_has_role(m.oid, 'ablo_owner', 'member')
  union all
  -- Postgres ORs permissive policies; on an adopted table ours are restrictive, and apply whatever others
  -- allow. See ablo.identity_check for logins that are never runtime logins.
  select format(e'policy %s of table %s is permissive and applies to the runtime logins, which then reach rows of '
      'every organization; drop it, or restrict it to the roles that need it:\ndrop policy %I on %s;', p.polname, name, p.polname, name)
    from synced join pg_catalog.pg_policy p on p.polrelid = relation join pg_catalog.pg_class c on c.oid = relation
   where c.relowner = 'ablo_owner'::regrole and p.polpermissive
     and coalesce(pg_catalog.obj_description(p.oid, 'pg_policy'), '') not like 'ablo\_pg %'
     and (p.polroles @> array[0::oid] or exists (
       select from pg_catalog.pg_roles m, unnest(p.polroles) r (id)
        where pg_has_role(m.oid, r.id, 'member') and not (m.rolsuper or m.rolbypassrls)
          and (m.rolname = 'ablo_owner'
            or pg_has_role(m.oid, 'ablo_runtime', 'member') and not pg_has_role(m.oid, 'ablo_owner', 'member'))))
  union all
  select format('trigger %s of table %s is missing', wanted, name) from synced, unnest(array['zz_ablo_guard', 'zz_ablo_capture', 'zz_ablo_truncate']) wanted
   where relation is not null
     and not exists (select from pg_catalog.pg_trigger t where t.tgrelid = relation and t.tgname = wanted)
  union all
  select format('trigger %s of table %s is not ENABLE ALWAYS', t.tgname, name)
    from synced join pg_catalog.pg_trigger t on t.tgrelid = relation
   where t.tgname like 'zz\_ablo\_%' and t.tgenabled <> 'A'
  union all
  select format('%s functions of the kernel belong to %s, so they run with its rights, not those of ablo_owner: '
      'run `ablo-pg connect` as a superuser, which restores the owner', count(*), pg_catalog.pg_get_userbyid(p.proowner))
    from pg_catalog.pg_proc p
   where p.pronamespace in ('ablo'::regnamespace, 'ablo_model'::regnamespace) and p.proowner <> 'ablo_owner'::regrole
     and not (p.pronamespace = 'ablo_model'::regnamespace and pg_catalog.pg_get_userbyid(p.proowner) = 'ablo_writer')
   group by p.proowner
  union all
  -- Its changes are not captured: it owns and is nothing but the set-wise write functions.
  select case when w.rolcanlogin or w.rolsuper or w.rolbypassrls then e'ablo_writer can log in or passes row-level security:\n'
                'alter role ablo_writer nologin nosuperuser nobypassrls;'
              when m.member is not null then format(e'role %I may act as ablo_writer, whose changes are not logged:\n'
                'revoke ablo_writer from %I;', m.member, m.member)
              else 'ablo_writer owns something else than functions in ablo_model: give it to another role' end
    from pg_catalog.pg_roles w
    left join lateral (
      select pg_catalog.pg_get_userbyid(a.member) as member from pg_catalog.pg_auth_members a
       where a.roleid = w.oid and a.member <> 'ablo_owner'::regrole and not (
         select r.rolsuper or r.rolcreaterole from pg_catalog.pg_roles r where r.oid = a.member)) m on true
   where w.rolname = 'ablo_writer' and (
     w.rolcanlogin or w.rolsuper or w.rolbypassrls or m.member is not null or exists (
       select from pg_catalog.pg_shdepend d
        where d.refclassid = 'pg_catalog.pg_authid'::regclass and d.refobjid = w.oid and d.deptype = 'o'
          and d.dbid in (0, (select b.oid from pg_catalog.pg_database b where b.datname = current_database()))
          and not exists (select from pg_catalog.pg_proc p where d.classid = 'pg_catalog.pg_proc'::regclass and p.oid = d.objid
                             and p.pronamespace = 'ablo_model'::regnamespace)))
  union all
  select e'publication ablo_delta does not publish all inserts into ablo.delta through its root, and nothing else:\n'
      'alter publication ablo_delta set table ablo.delta; '
      'alter publication ablo_delta set (publish = ''insert'', publish_via_partition_root = true);'
   where not exists (
     select from pg_catalog.pg_publication p join pg_catalog.pg_publication_rel r on r.prpubid = p.oid
      where p.pubname = 'ablo_delta' and p.pubinsert and p.pubviaroot and r.prrelid = 'ablo.delta'::regclass
        and r.prqual is null and r.prattrs is null
        and (select count(*) from pg_catalog.pg_publication_rel o where o.prpubid = p.oid) = 1
        and not exists (select from pg_catalog.pg_publication_namespace n where n.pnpubid = p.oid))
$$;
