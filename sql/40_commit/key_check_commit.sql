create or replace function ablo.key_check_commit(
  p_organization text, p_participant text, p_capability_id text, p_request jsonb
) returns ablo.key_rights
language plpgsql volatile
as $$
  -- Check that a key may do everything in a commit, before anything is read or written. Archiving counts as
  -- update. A writer that is shown what a row now holds (onStale = notify), or names its read position (a
  -- premise, readAt), must be allowed to read it.
  -- Returns the key: if it is limited to sync groups, each operation's row is checked too
  -- (ablo.key_check_operation).
  -- Called by: ablo.commit_run, if a capability is given. Raises: capability_scope_denied and the errors of
  -- ablo.key_by_id. A model or action that does not exist is left to ablo.commit_apply.
declare
  v_key ablo.key_rights := ablo.key_of(p_organization, p_participant, p_capability_id);
  v_kind text := split_part(p_participant, ':', 1);
  v_item jsonb;
  v_model text;
  v_action text;
  v_word text;
begin
  if v_key.operations is null then
    return v_key;
  end if;
  for v_item in select e from jsonb_array_elements(coalesce(nullif(p_request -> 'operations', 'null'), '[]')) e loop
    v_model := ablo_model.resolve(v_item ->> 'model');
    v_action := lower(v_item ->> 'action');
    continue when v_model is null or v_action is null
      or v_action not in ('create', 'update', 'delete', 'archive', 'unarchive');
    perform ablo.key_require(v_key, v_model,
      case when v_action in ('archive', 'unarchive') then 'update' else v_action end);
    v_word := ablo.stale_word(coalesce(v_item ->> 'onStale', ablo_model.conflict(v_model, v_kind)));
    if v_word in ('notify', 'flag') or ablo.stale_word(ablo_model.conflict(v_model, v_kind)) = 'notify'
      or v_item ->> 'readAt' is not null and v_word is distinct from 'overwrite'
    then
      perform ablo.key_require(v_key, v_model, 'read');
    end if;
  end loop;
  for v_item in
    select e from (values (p_request -> 'reads'), (p_request -> 'track')) l (list),
      jsonb_array_elements(case when jsonb_typeof(l.list) = 'array' then l.list else '[]' end) e
  loop
    v_model := ablo_model.resolve(v_item ->> 'model');
    if v_model is not null then
      perform ablo.key_require(v_key, v_model, 'read');
    end if;
  end loop;
  return v_key;
end
$$;
