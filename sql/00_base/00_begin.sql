-- First file of an install: one installer at a time per database, and none older than what is installed. The
-- number below is the kernel's version; it rises with every released change.
-- Run by: the install script, inside its transaction. Locks: advisory lock 'ablo:kernel'. Raises:
-- kernel_newer_than_client (AB502); lock_timeout (55P03) if another install is stuck.
select pg_catalog.set_config('ablo.kernel_installing', '1', true);
set local client_min_messages = warning;
set local lock_timeout = '30s';
set local check_function_bodies = off;  -- routines may call those of later files; tests run every one
select pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext('ablo:kernel'));

do $begin$
declare
  v_own int := pg_catalog.current_setting('ablo.kernel_installing')::int;
  v_installed int;
begin
  if pg_catalog.to_regclass('ablo.kernel_version') is null then
    return;
  end if;
  execute 'select max(version) from ablo.kernel_version' into v_installed;
  if v_installed > v_own then
    raise exception using
      errcode = 'AB502',
      message = pg_catalog.format('the database has kernel %s, this is kernel %s', v_installed, v_own),
      hint = 'upgrade ablo_pg to the release that installed it, or a later one',
      detail = pg_catalog.json_build_object(
        'code', 'kernel_newer_than_client', 'installed', v_installed, 'own', v_own)::text;
  end if;
end
$begin$;
