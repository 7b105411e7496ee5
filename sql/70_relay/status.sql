create or replace function ablo.status() returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- What a service needs to know about the database it is on:
  -- {kernelVersion, ready, drift: [text], schema: {version, hash} | null, numbered: [typenames of models whose ids are
  -- numbers], walLevel, serverVersion}.
  -- Called by: readiness checks, ablo-pg status. Raises: nothing.
declare
  v_drift text[] := array(select d from ablo.drift_check() d);
begin
  return json_build_object(
    'kernelVersion', (select max(k.version) from ablo.kernel_version k),
    'ready', v_drift = '{}' and exists (select from ablo.schema_version s where s.active),
    'drift', to_json(v_drift),
    'schema', (select json_build_object('version', s.version, 'hash', s.hash) from ablo.schema_version s where s.active),
    'numbered', (select coalesce(json_agg(m.typename order by m.typename), '[]') from ablo.model m where m.id_type = 'bigint'),
    'walLevel', current_setting('wal_level'),
    'serverVersion', current_setting('server_version_num')::int);
end
$$;
