create or replace function ablo.mint_participant(p_parent ablo.api_key, p_prefix text, p_request jsonb) returns text
language plpgsql volatile
as $$
  -- The participant of a minted key, `kind:id`. From a secret key without an id it is a new one, so that two
  -- clients that share the key exclude and see each other. From a restricted key it is that key's own
  -- participant: a client that renews its credential with the credential keeps its participant and its claims.
  -- Only a secret key names any participant: the children of a restricted one are itself, or, if another kind is
  -- requested, a new agent; otherwise it could take another's claims.
  -- Called by: ablo.key_mint. Raises: invalid_participant_kind, capability_scope_denied.
declare
  v_own text := split_part(p_parent.participant, ':', 1);
  v_asked text := case p_request ->> 'participantKind' when 'human' then 'user' else p_request ->> 'participantKind' end;
  v_kind text := coalesce(v_asked, case when p_prefix = 'ek' then 'user' else v_own end);
  v_participant text := case when p_parent.prefix <> 'sk' and v_kind = v_own and coalesce(p_request ->> 'participantId', '') = ''
    then p_parent.participant
    else v_kind || ':' || coalesce(nullif(p_request ->> 'participantId', ''), replace(gen_random_uuid()::text, '-', '')) end;
begin
  if v_kind not in ('user', 'agent', 'system') then
    perform ablo.raise_error('invalid_participant_kind', format('%L is not a kind of participant', left(v_kind, 40)),
      'pass user, agent or system', '{"field": "participantKind"}');
  elsif p_prefix = 'ek' and v_kind <> 'user' then
    perform ablo.raise_error('invalid_participant_kind', format('an ek_ key is the session of a user, not of %s', left(v_kind, 40)),
      'mint an rk_ key for agents and systems', '{"field": "participantKind"}');
  elsif p_parent.prefix <> 'sk' and (
    v_kind not in (v_own, 'agent')
    or coalesce(p_request ->> 'participantId', '') <> '' and v_participant <> p_parent.participant)
  then
    perform ablo.raise_error('capability_scope_denied',
      format('%s may not mint a key for %L', p_parent.participant, left(v_participant, 80)),
      'leave participantId out, or mint it with an sk_ key',
      jsonb_build_object('field', case when v_kind in (v_own, 'agent') then 'participantId' else 'participantKind' end));
  end if;
  return v_participant;
end
$$;
