create or replace function ablo.activity_seen(p_organization text, p_key ablo.key_rights, p_activity jsonb) returns jsonb
language plpgsql stable
as $$
  -- A participant's activity, as a key may see it: null if it names a row that the key may not see. A row is
  -- named as {entityType, entityId} or {model, id}.
  -- Called by: ablo.presence_list, ablo.live_read.
declare
  v_name text := coalesce(p_activity ->> 'entityType', p_activity ->> 'model');
begin
  if p_key.participant is not null and ablo_model.resolve(v_name) is null and not ablo_model.sees(null, null, null, null) then
    return case when v_name is null then p_activity end;  -- of which model the row is, is not known
  end if;
  if p_key.participant is null or v_name is null
    or ablo.row_seen(p_organization, p_key, coalesce(ablo_model.resolve(v_name), v_name),
                     coalesce(p_activity ->> 'entityId', p_activity ->> 'id', ''))
  then
    return p_activity;
  end if;
  return null;
end
$$;
