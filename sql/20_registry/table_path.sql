create or replace function ablo.table_path(p_table regclass, p_all boolean default false) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- The search_path under which a table's own triggers run in a write through the API. They find names as a
  -- session of the table's owner would (or, for a table of ours, the owner of its first trigger function): by
  -- that role's setting, else the database's; then in the table's own schema. A write runs with the rights of
  -- ablo_owner, so schemas in which untrusted roles may create objects are left out: only superusers, the
  -- database's owner, and roles whose code runs there anyway are trusted. p_all: with those schemas, as a session
  -- has it.
  -- Called by: ablo.table_path_set, `ablo-pg check`. Locks: none. Raises: nothing.
  with relation as (
    select c.relowner, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = p_table
  ), trusted as (
    select r.oid, r.rolname, min(w.place) as place
      from (select relowner, '' from relation
            union all
            select p.proowner, t.tgname from pg_trigger t join pg_proc p on p.oid = t.tgfoid
             where t.tgrelid = p_table and not t.tgisinternal and t.tgname not like 'zz\_ablo\_%'
            union all
            select d.datdba, null from pg_database d where d.datname = current_database()) w (role, place)
      join pg_roles r on r.oid = w.role
     group by 1, 2
  ), author as (
    select oid, rolname from trusted where rolname <> 'ablo_owner' order by place limit 1
  ), configured as (
    select coalesce((
      select substring(c from '^search_path=(.*)$')
        from pg_db_role_setting s, unnest(s.setconfig) c
       where c like 'search\_path=%' and s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
         and s.setrole in (0, (select oid from author)) and not (s.setdatabase = 0 and s.setrole = 0)
       order by s.setrole <> 0 desc, s.setdatabase <> 0 desc limit 1),
      (select reset_val from pg_settings where name = 'search_path')) as path
  ), named as (
    select case when m[1] = '$user' then (select rolname from author)
                else coalesce(replace(m[1], '""', '"'), lower(m[2])) end as name, n
      from configured, regexp_matches(path, '"((?:[^"]|"")+)"|([^",\s]+)', 'g') with ordinality r (m, n)
    union all
    select nspname, 1000 from relation
  )
  select 'pg_catalog, ' || coalesce(string_agg(quote_ident(n.nspname), ', ' order by w.place) || ', ', '') || 'pg_temp'
    from (select name, min(n) as place from named group by 1) w
    join pg_namespace n on n.nspname = w.name
   where n.nspname not in ('ablo', 'ablo_model', 'information_schema') and n.nspname not like 'pg\_%'
     and (p_all or not exists (
       select from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
         left join pg_roles r on r.oid = a.grantee
        where a.privilege_type = 'CREATE'
          and (r.oid is null or not (r.rolsuper or r.rolname = 'pg_database_owner' or pg_has_role(r.oid, 'ablo_owner', 'member')
                                     or r.oid in (select oid from trusted)))))
$$;
