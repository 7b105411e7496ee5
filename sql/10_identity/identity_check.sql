create or replace function ablo.identity_check() returns void
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Refuse a login that is not subject to row-level security: superuser, BYPASSRLS, or a member of the owner role,
  -- of ablo_writer, whose changes are not captured, or of the role that owns an adopted table. Checks the SESSION
  -- user, since a session can undo SET ROLE.
  -- SECURITY DEFINER, since only the owner may raise; the session user does not change.
  -- Called by: every service and library at start, and at registration of a data source. Raises:
  -- database_role_cannot_enforce_rls.
declare
  v_role record;
  v_table record;
begin
  select r.rolsuper, r.rolbypassrls, r.rolcreaterole,
         (select min(o.rolname) from pg_catalog.pg_roles o
           where o.rolname in ('ablo_owner', 'ablo_writer') and pg_has_role(r.oid, o.oid, 'member')) as owns
    into v_role
    from pg_catalog.pg_roles r
   where r.rolname = session_user;
  select c.relname, c.relowner::regrole as owner into v_table
    from ablo.model m
    join pg_catalog.pg_class c on c.oid = to_regclass(format('%I.%I', m.table_schema, m.table_name))
   where m.tenancy in ('column', 'parent') and pg_has_role(session_user, c.relowner, 'member')
   limit 1;
  if v_role.rolsuper or v_role.rolbypassrls or v_role.owns is not null or v_table.owner is not null then
    perform ablo.raise_error('database_role_cannot_enforce_rls',
      format('login %I %s, so row-level security would not apply to it', session_user,
        case when v_role.rolsuper then 'is a superuser'
             when v_role.rolbypassrls then 'has BYPASSRLS'
             when v_role.owns is not null then 'is a member of ' || v_role.owns
             else format('may act as %s, which owns table %I', v_table.owner, v_table.relname) end),
      'run the service with the login that `ablo-pg connect` created (a member of ablo_runtime)');
  end if;
end
$$;
