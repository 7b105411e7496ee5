create or replace function ablo.key_of(p_organization text, p_participant text, p_capability_id text) returns ablo.key_rights
language plpgsql volatile
as $$
  -- The live key that a caller names; if it names none, one without limits, of its participant: permissions of
  -- models still apply to it.
  -- Called by: routines that take a capability. Raises: the errors of ablo.key_by_id.
declare
  v_key ablo.api_key;
begin
  if p_capability_id is null then
    return row(null, p_organization, p_participant, null, null)::ablo.key_rights;
  end if;
  v_key := ablo.key_by_id(p_organization, p_participant, p_capability_id);
  return row(v_key.id, v_key.organization_id, v_key.participant, v_key.operations, ablo.key_reach(v_key))::ablo.key_rights;
end
$$;
