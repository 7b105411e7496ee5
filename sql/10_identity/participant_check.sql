create or replace function ablo.participant_check(
  p_organization text, p_participant text, p_on_behalf_of text default null
) returns void
language plpgsql stable
as $$
  -- Check who acts. p_participant is `kind:id`.
  -- Called by: ablo.identity_set; entry points that read no rows of models themselves, and so need no identity settings.
  -- Raises: identity_missing_organization, invalid_participant_kind.
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
end
$$;
