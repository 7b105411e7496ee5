create or replace function ablo.key_check_read(
  p_organization text, p_participant text, p_capability_id text, p_typename text
) returns ablo.key_rights
language plpgsql volatile
as $$
  -- Check that a key may read rows of a model; returns the key (see ablo.key_of).
  -- Called by: the read routines, if a capability is given. Raises: capability_scope_denied and the errors of
  -- ablo.key_by_id.
declare
  v_key ablo.key_rights := ablo.key_of(p_organization, p_participant, p_capability_id);
begin
  perform ablo.key_require(v_key, p_typename, 'read');
  return v_key;
end
$$;
