create or replace function ablo.identity_found() returns text
language sql stable
as $$
  -- The identity settings as they are, for ablo.identity_restore: a JSON array, or '' if none is set, as outside a
  -- transaction of the caller's own. NULL and '' both mean "unset". Inlined.
  -- Called by: ablo.identity_set, ablo.commit_batch.
  select case when coalesce(current_setting('app.current_org_id', true), '') = ''
               and coalesce(current_setting('app.current_participant_id', true), '') = ''
               and coalesce(current_setting('ablo.on_behalf_of', true), '') = ''
               and coalesce(current_setting('ablo.capability_id', true), '') = ''
               and coalesce(current_setting('ablo.transaction_ids', true), '') = ''
               and coalesce(current_setting('ablo.claims', true), '') = '' then ''
    else json_build_array(current_setting('app.current_org_id', true), current_setting('app.current_participant_id', true),
      current_setting('ablo.on_behalf_of', true), current_setting('ablo.capability_id', true),
      current_setting('ablo.transaction_ids', true), current_setting('ablo.claims', true))::text end
$$;
