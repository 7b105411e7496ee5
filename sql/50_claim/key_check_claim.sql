create or replace function ablo.key_check_claim(
  p_organization text, p_participant text, p_capability_id text, p_typename text, p_id text
) returns ablo.key_rights
language plpgsql volatile
as $$
  -- Check that a key may claim a row, or reorder its queue: it must be allowed to write rows of the model in some
  -- way, to read them (the answer carries the row), and, if it is limited to sync groups, to see this one.
  -- Returns the key.
  -- Called by: ablo.claim_acquire, ablo.claim_reorder, if a capability is given or the model limits
  -- reading. Raises: entity_not_found, capability_scope_denied
  -- and the errors of ablo.key_by_id.
declare
  v_key ablo.key_rights := ablo.key_of(p_organization, p_participant, p_capability_id);
begin
  perform ablo.key_require(v_key, p_typename, 'read');
  if not (ablo.key_may(v_key, p_typename, 'delete') or ablo.key_may(v_key, p_typename, 'create')) then
    perform ablo.key_require(v_key, p_typename, 'update');
  end if;
  if not ablo.row_seen(p_organization, v_key, p_typename, p_id) then
    if v_key.sync_groups is null then
      perform ablo.raise_error('entity_not_found', format('%s %L does not exist', p_typename, left(p_id, 80)),
        'create it, or claim another row: who may read rows of this model is limited, so a claim needs a row that you see',
        jsonb_build_object('model', p_typename, 'id', left(p_id, 255)));
    end if;
    perform ablo.key_outside(p_capability_id, p_typename, p_id);
  end if;
  return v_key;
end
$$;
