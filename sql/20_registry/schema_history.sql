create or replace function ablo.schema_history(p_before bigint, p_limit int) returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- The versions of the schema that were pushed, newest first: [{version, hash, pushedAt, active, schema}].
  -- p_before: only versions below; null: from the newest on. At most 100.
  -- Called by: relays. Locks: none. Raises: nothing.
  select coalesce(json_agg(json_build_object('version', s.version, 'hash', s.hash,
      'pushedAt', to_char(s.pushed_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
      'active', s.active, 'schema', s.schema) order by s.version desc), '[]')
    from (select x.* from ablo.schema_version x
           where p_before is null or x.version < p_before
           order by x.version desc
           limit least(greatest(p_limit, 0), 100)) s
$$;
