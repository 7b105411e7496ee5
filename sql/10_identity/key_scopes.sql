create or replace function ablo.key_scopes(p_scopes jsonb, p_prefix text, p_full boolean) returns text[]
language plpgsql immutable
as $$
  -- The scopes of a key as they are stored: rights over the service itself, not over rows. Pushing a schema
  -- changes the tables of every organization, so it is a separate right. If none are named, p_full (a secret key
  -- limited to no operations and no sync groups) gets all but the one to act in other organizations, any other
  -- key none; [] means none.
  -- Called by: ablo.key_create, ablo.key_mint. Raises: invalid_request, capability_scope_denied.
declare
  v_known constant text[] := array['schema:push', 'project:manage', 'branch:manage', 'keys:manage', 'ephemeral:mint-any-org'];
  v_scopes text[];
begin
  if coalesce(p_scopes, 'null') = 'null' then
    return case when p_full then array['branch:manage', 'keys:manage', 'project:manage', 'schema:push'] else '{}' end;
  elsif p_scopes = '[]' then
    return '{}';
  elsif jsonb_typeof(p_scopes) <> 'array' then
    perform ablo.raise_error('invalid_request', format('scopes is a %s, not a list', jsonb_typeof(p_scopes)),
      'pass for example ["schema:push"]', '{"field": "scopes"}');
  end if;
  v_scopes := array(select distinct e from jsonb_array_elements_text(p_scopes) e order by e);
  if not v_scopes <@ v_known then
    perform ablo.raise_error('invalid_request', format('unknown scope in %s', left(p_scopes::text, 80)),
      'use ' || array_to_string(v_known, ', '), '{"field": "scopes"}');
  elsif p_prefix in ('ek', 'pk') then
    perform ablo.raise_error('capability_scope_denied', format('an %s_ key has no rights over the service', p_prefix),
      'give scopes to an sk_ or rk_ key', '{"field": "scopes"}');
  end if;
  return v_scopes;
end
$$;
