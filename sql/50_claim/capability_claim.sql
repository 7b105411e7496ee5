-- Check that a key may claim a row: it must be allowed to write rows of the model in some way, to read
-- them (the answer carries the row), and, where it is bound to sync groups, to see this one.
-- Called by: ablo.claim_acquire, where a capability is given.
-- Raises: capability_scope_denied and what ablo.capability_live raises.
create or replace function ablo.capability_claim(
  p_organization text, p_participant text, p_capability_id text, p_typename text, p_id text
) returns void
language plpgsql volatile
as $$
declare
  v_key ablo.api_key := ablo.capability_live(p_organization, p_participant, p_capability_id);
begin
  perform ablo.capability_require(v_key, p_typename, 'read');
  if not v_key.operations && array[
    lower(p_typename) || '.update', lower(p_typename) || '.delete', lower(p_typename) || '.create',
    '*.update', '*.delete', '*.create']
  then
    perform ablo.capability_require(v_key, p_typename, 'update');
  end if;
  if v_key.sync_groups is not null
    and (ablo.row_groups_now(p_organization, p_typename, p_id) && v_key.sync_groups) is not true
  then
    perform ablo.capability_outside(p_capability_id, p_typename, p_id);
  end if;
end
$$;
