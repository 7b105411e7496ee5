create or replace function ablo.identity_set(
  p_organization text,
  p_participant text,
  p_on_behalf_of text default null,
  p_capability_id text default null
) returns text
language plpgsql volatile
as $$
  -- Set who acts: the settings that row-level security and the log read, and those that the schema maps
  -- (ablo_model.session_settings). Returns what it found, for ablo.identity_restore, with which the entry point ends.
  -- Called by: entry points that touch rows of models. Raises: identity_missing_organization,
  -- invalid_participant_kind. Locks: none.
declare
  -- Assignments, which run no query, and no more settings than needed: this runs once per commit.
  v_done text;
  v_found text := '';
  v_mapped jsonb := ablo_model.session_settings();
begin
  -- As ablo.identity_found, which most calls need not ask: 36,000 instructions.
  if v_mapped is not null or concat(current_setting('app.current_org_id', true), current_setting('app.current_participant_id', true),
      current_setting('ablo.on_behalf_of', true), current_setting('ablo.capability_id', true),
      current_setting('ablo.transaction_ids', true), current_setting('ablo.claims', true),
      current_setting('app.current_participant_kind', true), current_setting('app.current_user_id', true)) <> ''
  then
    v_found := ablo.identity_found();
  end if;
  if (p_organization <> '' and split_part(p_participant, ':', 1) in ('user', 'agent', 'system') and p_participant like '%:_%'
    and ablo.text_fits(p_participant) and coalesce(p_on_behalf_of, '') = '') is not true
  then
    v_done := ablo.participant_check(p_organization, p_participant, p_on_behalf_of);
  end if;
  v_done := set_config('app.current_org_id', p_organization, true) || set_config('app.current_participant_id', p_participant, true)
    || set_config('app.current_participant_kind', split_part(p_participant, ':', 1), true)
    || set_config('app.current_user_id', case split_part(p_participant, ':', 1)
         when 'user' then substr(p_participant, 6) when 'system' then '*' else '' end, true);
  if v_mapped is not null then
    v_done := ablo.settings_put((
      select jsonb_object_agg(m.key, case m.value
        when 'orgId' then p_organization
        when 'participantKind' then split_part(p_participant, ':', 1)
        when 'participantId' then substr(p_participant, strpos(p_participant, ':') + 1) end)
        from jsonb_each_text(v_mapped) m));
  end if;
  if v_found <> '' or p_on_behalf_of <> '' or p_capability_id <> '' then
    v_done := set_config('ablo.on_behalf_of', coalesce(p_on_behalf_of, ''), true);
    v_done := set_config('ablo.capability_id', coalesce(p_capability_id, ''), true);
    v_done := set_config('ablo.transaction_ids', '', true);
    v_done := set_config('ablo.claims', '', true);
  end if;
  return v_found;
end
$$;
