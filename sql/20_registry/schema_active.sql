create or replace function ablo.schema_active(p_known_version bigint default null, p_known_hash text default null)
returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The active schema as it was pushed: {version, hash, pushedAt, schema, closed}; null if none was pushed, or
  -- if it is the one the caller knows (version and hash). closed: see ablo.models_closed.
  -- Called by: services that serve a schema, which check every second. Locks: none. Raises: nothing.
  select json_build_object('version', s.version, 'hash', s.hash,
      'pushedAt', to_char(s.pushed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'schema', s.schema, 'closed', ablo.models_closed())
    from ablo.schema_version s
   where s.active and (s.version is distinct from p_known_version or s.hash is distinct from p_known_hash)
$$;
