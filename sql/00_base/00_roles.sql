-- The group roles. `ablo-pg connect` creates logins as members of one of them.
-- Run by: the administrator who installs the kernel (superuser, or CREATEROLE). ablo_owner owns kernel and
-- tables and is not a login. Nor is ablo_writer, which owns nothing but the set-wise write functions, whose changes
-- are not captured again. Roles belong to the cluster, so another database's install may be creating the same ones
-- right now: a duplicate is not an error.
do $roles$
declare
  v_role text;
begin
  foreach v_role in array array['ablo_owner', 'ablo_runtime', 'ablo_replication', 'ablo_writer'] loop
    if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
      begin
        execute format('create role %I nologin nosuperuser nocreatedb nocreaterole nobypassrls', v_role);
      exception
        when duplicate_object or unique_violation then
          null;
        when insufficient_privilege then  -- an upgrade by a login that creates no roles: commits stay as they were
          if v_role <> 'ablo_writer' then
            raise;
          end if;
      end;
    end if;
  end loop;
  -- Without this a non-superuser could not transfer the objects below to their owner. Since Postgres 16 the
  -- creator of a role is a member of it with neither INHERIT nor SET, which 'member' would not see; and a grant to a
  -- NOINHERIT role must declare that it is inherited.
  if not pg_catalog.pg_has_role(current_user, 'ablo_owner', 'usage') then
    execute format('grant ablo_owner to %I', current_user)
      || case when current_setting('server_version_num')::int >= 160000 then ' with inherit true' else '' end;
  end if;
  -- The owner makes the writer's functions.
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer')
    and not pg_catalog.pg_has_role('ablo_owner', 'ablo_writer', 'usage')
  then
    execute 'grant ablo_writer to ablo_owner'
      || case when current_setting('server_version_num')::int >= 160000 then ' with inherit true, set true' else '' end;
  end if;
end
$roles$;
