create or replace function ablo.model_unknown(p_name text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Raise the one error for a model that the active schema does not have.
  -- Called by: commit, the read routines, the dispatchers. Raises: server_execute_unknown_model.
begin
  perform ablo.raise_error('server_execute_unknown_model',
    format('model %s is not in the active schema', coalesce(quote_literal(left(p_name, 80)), 'NULL')),
    'push the schema that declares it (ablo-pg migrate), or correct the name; known: '
      || coalesce((select string_agg(key, ', ' order by key) from (select key from ablo.model order by key limit 20) k), 'none'),
    jsonb_build_object('model', left(p_name, 80)));
end
$$;
