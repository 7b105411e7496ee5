-- Check that a key may read rows of a model; returns the sync groups that it is bound to, or null: all.
-- Called by: the read routines, where a capability is given.
-- Raises: capability_scope_denied and what ablo.capability_live raises.
create or replace function ablo.capability_read(
  p_organization text, p_participant text, p_capability_id text, p_typename text
) returns text[]
language plpgsql volatile
as $$
declare
  v_key ablo.api_key := ablo.capability_live(p_organization, p_participant, p_capability_id);
begin
  perform ablo.capability_require(v_key, p_typename, 'read');
  return v_key.sync_groups;
end
$$;
