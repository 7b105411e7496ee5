-- Set who acts, for the rest of this transaction: the settings that row-level security and the log read. NULL
-- and '' both mean "unset" (a custom setting reads '' after a SET LOCAL ends).
-- Called by: ablo.commit_run, the read routines. Raises: identity_missing_organization,
-- invalid_participant_kind. Locks: none. p_participant is `kind:id`.
create or replace function ablo.identity_set(
  p_organization text,
  p_participant text,
  p_on_behalf_of text default null,
  p_capability_id text default null
) returns void
language plpgsql volatile
as $$
declare
  v_kind text := split_part(p_participant, ':', 1);
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
  -- One expression, not several statements, and no more settings than needed: this runs once per commit.
  if set_config('app.current_org_id', p_organization, true) is null
    or set_config('app.current_participant_id', p_participant, true) is null
    or coalesce(p_on_behalf_of, '') <> coalesce(current_setting('ablo.on_behalf_of', true), '')
      and set_config('ablo.on_behalf_of', coalesce(p_on_behalf_of, ''), true) is null
    or coalesce(p_capability_id, '') <> coalesce(current_setting('ablo.capability_id', true), '')
      and set_config('ablo.capability_id', coalesce(p_capability_id, ''), true) is null
    or current_setting('ablo.transaction_ids', true) <> '' and set_config('ablo.transaction_ids', '', true) is null
    or current_setting('ablo.claims', true) <> '' and set_config('ablo.claims', '', true) is null
  then
    null;
  end if;
end
$$;
