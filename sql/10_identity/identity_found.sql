create or replace function ablo.identity_found() returns text
language plpgsql stable
as $$
  -- The identity settings as they are, for ablo.identity_restore: a JSON array, or '' if none is set, as outside a
  -- transaction of the caller's own. NULL and '' both mean "unset".
  -- Called by: ablo.identity_set, ablo.commit_batch.
declare
  v_mapped jsonb := ablo_model.session_settings();
begin
  if v_mapped is not null then
    v_mapped := (select jsonb_object_agg(n, coalesce(current_setting(n, true), '')) from jsonb_object_keys(v_mapped) n);
  end if;
  if array_to_string(array[current_setting('app.current_org_id', true), current_setting('app.current_participant_id', true),
      current_setting('ablo.on_behalf_of', true), current_setting('ablo.capability_id', true),
      current_setting('ablo.transaction_ids', true), current_setting('ablo.claims', true),
      current_setting('app.current_participant_kind', true), current_setting('app.current_user_id', true)], '') = ''
    and (v_mapped is null or not exists (select from jsonb_each_text(v_mapped) m where m.value <> ''))
  then
    return '';
  end if;
  return json_build_array(current_setting('app.current_org_id', true), current_setting('app.current_participant_id', true),
    current_setting('ablo.on_behalf_of', true), current_setting('ablo.capability_id', true),
    current_setting('ablo.transaction_ids', true), current_setting('ablo.claims', true),
    current_setting('app.current_participant_kind', true), current_setting('app.current_user_id', true), v_mapped)::text;
end
$$;
