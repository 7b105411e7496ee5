create or replace function ablo.key_by_id(p_organization text, p_participant text, p_capability_id text)
returns ablo.api_key
language plpgsql volatile
as $$
  -- The key with this id, live, of this organization and, if given, this participant.
  -- Called by: everything that acts under a key. One probe. Locks: none. Raises: the errors of ablo.key_live,
  -- capability_scope_denied (another participant's).
declare
  v_key ablo.api_key;
begin
  select * into v_key from ablo.api_key k where k.id = p_capability_id and k.organization_id = p_organization;
  if v_key.id is null or ablo.key_status(v_key) <> 'live' then
    perform ablo.key_live(v_key);
  elsif p_participant <> v_key.participant then
    perform ablo.raise_error('capability_scope_denied', format('the key does not act as %L', left(p_participant, 80)),
      'act as the participant that the key was made for');
  end if;
  return v_key;
end
$$;
