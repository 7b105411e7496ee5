create or replace function ablo.identity_found() returns text
language plpgsql stable
as $$
  -- The identity settings as they are, for ablo.identity_restore: a JSON array, or '' if none is set, as outside a
  -- transaction of the caller's own. NULL and '' both mean "unset".
  -- Called by: ablo.identity_set, ablo.commit_batch.
begin
  if array_to_string(array[current_setting('app.current_org_id', true), current_setting('app.current_participant_id', true),
      current_setting('ablo.on_behalf_of', true), current_setting('ablo.capability_id', true),
      current_setting('ablo.transaction_ids', true), current_setting('ablo.claims', true)], '') = ''
  then
    return '';
  end if;
  return json_build_array(current_setting('app.current_org_id', true), current_setting('app.current_participant_id', true),
    current_setting('ablo.on_behalf_of', true), current_setting('ablo.capability_id', true),
    current_setting('ablo.transaction_ids', true), current_setting('ablo.claims', true))::text;
end
$$;
