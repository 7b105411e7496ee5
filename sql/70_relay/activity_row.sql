create or replace function ablo.activity_row(p_organization text, p_activity jsonb) returns jsonb
language plpgsql stable
as $$
  -- The row that an activity names, as {"model": typename, "groups": [..], "row": {..} | null (if
  -- its model limits reading)}, or null. See ablo.activity_seen.
  -- Called by: ablo.live_read.
declare
  v_name text := coalesce(p_activity ->> 'entityType', p_activity ->> 'model');
  v_typename text := coalesce(ablo_model.resolve(v_name), v_name);
begin
  if v_name is null then
    return null;
  end if;
  return jsonb_build_object('model', v_typename,
    'row', case when not ablo_model.sees(v_typename, null, null, null) then
      to_jsonb(coalesce(ablo.row_as_is(v_typename, coalesce(p_activity ->> 'entityId', p_activity ->> 'id', '')), '{}')) end,
    'groups', ablo.row_place(p_organization, v_typename, coalesce(p_activity ->> 'entityId', p_activity ->> 'id', '')));
end
$$;
