create or replace function ablo.key_acting() returns ablo.key_rights
language plpgsql stable
as $$
  -- The key of this transaction's commit, as set by ablo.commit_run; without one, as ablo.key_of.
  -- Called by: the checks of premises and tracks. One probe by id, and none without a key.
declare
  v_key ablo.key_rights;
begin
  if current_setting('ablo.capability_id', true) <> '' then
    select k.id, k.organization_id, k.participant, k.operations, ablo.key_reach(k) into v_key from ablo.api_key k
     where k.id = current_setting('ablo.capability_id', true)
       and k.organization_id = current_setting('app.current_org_id', true);
  else
    v_key.organization_id := current_setting('app.current_org_id', true);
    v_key.participant := current_setting('app.current_participant_id', true);
  end if;
  return v_key;
end
$$;
