create or replace function ablo.identity_set(
  p_organization text,
  p_participant text,
  p_on_behalf_of text default null,
  p_capability_id text default null
) returns void
language plpgsql volatile
as $$
  -- Set who acts, for the rest of this transaction: the settings that row-level security and the log read. NULL
  -- and '' both mean "unset" (a custom setting reads '' after a SET LOCAL ends).
  -- Called by: ablo.commit_run, the read routines. Raises: identity_missing_organization,
  -- invalid_participant_kind. Locks: none. p_participant is `kind:id`.
declare
  v_kind text := split_part(p_participant, ':', 1);
  v_done text;
begin
  if coalesce(p_organization, '') = '' then
    perform ablo.raise_error('identity_missing_organization', 'no organization was given',
      'pass organization= (a non-empty text)');
  end if;
  if v_kind is null or v_kind not in ('user', 'agent', 'system') or length(p_participant) <= length(v_kind) + 1 then
    perform ablo.raise_error('invalid_participant_kind',
      format('participant %s is not kind:id with kind user, agent or system',
        coalesce(quote_literal(left(p_participant, 40)), 'NULL')),
      'pass for example agent:triage', jsonb_build_object('field', 'participant'));
  elsif not ablo.text_fits(p_participant) or not ablo.text_fits(p_on_behalf_of) then
    perform ablo.raise_error('invalid_participant_kind', 'the id of a participant contains control characters',
      'pass for example agent:triage',
      jsonb_build_object('field', case when ablo.text_fits(p_participant) then 'onBehalfOf' else 'participant' end));
  end if;
  if p_on_behalf_of <> '' and p_on_behalf_of !~ '^(user|agent|system):.' then
    perform ablo.raise_error('invalid_participant_kind',
      format('on behalf of %L, which is not kind:id with kind user, agent or system', left(p_on_behalf_of, 40)),
      'pass for example user:ann', jsonb_build_object('field', 'onBehalfOf'));
  end if;
  -- Assignments, which run no query, and no more settings than needed: this runs once per commit.
  v_done := set_config('app.current_org_id', p_organization, true);
  v_done := set_config('app.current_participant_id', p_participant, true);
  if coalesce(p_on_behalf_of, '') <> coalesce(current_setting('ablo.on_behalf_of', true), '') then
    v_done := set_config('ablo.on_behalf_of', coalesce(p_on_behalf_of, ''), true);
  end if;
  if coalesce(p_capability_id, '') <> coalesce(current_setting('ablo.capability_id', true), '') then
    v_done := set_config('ablo.capability_id', coalesce(p_capability_id, ''), true);
  end if;
  if current_setting('ablo.transaction_ids', true) <> '' then
    v_done := set_config('ablo.transaction_ids', '', true);
  end if;
  if current_setting('ablo.claims', true) <> '' then
    v_done := set_config('ablo.claims', '', true);
  end if;
end
$$;
