create or replace function ablo.commit_list(
  p_organization text, p_participant text, p_query jsonb, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Commits of the organization, newest first: {"data": [ablo.commit_record], "next": {at, key, participant} |
  -- null}. p_query: {participant (kind:id, or id)?, limit (20; at most 100), before: {at, key, participant}}.
  -- Only stored commits are listed: confirmed ones, of the last day. p_capability_id: those made with a key
  -- without more rights than this one. If a model limits reading, only the participant's own: they name rows.
  -- Called by: clients that audit. Locks: none. Raises: identity_missing_organization, invalid_participant_kind,
  -- invalid_request, cursor_invalid.
declare
  v_limit int := least(ablo.list_limit(jsonb_build_object('limit', coalesce(p_query -> 'limit', '20'))), 100);
  v_until timestamptz;
  v_key text := coalesce(p_query -> 'before' ->> 'key', '');
  v_whose text := coalesce(p_query -> 'before' ->> 'participant', '');
  v_found ablo.receipt[];
  v_rights ablo.key_rights;
  v_open boolean := ablo_model.sees(null, null, null, null);
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_rights := ablo.key_of(p_organization, p_participant, p_capability_id);
  if not ablo.text_is(coalesce(p_query -> 'before' ->> 'at', 'now'), 'timestamptz') then
    perform ablo.raise_error('cursor_invalid', 'before is not the end of a page of commits', 'pass the next of the previous page',
      '{"field": "before"}');
  end if;
  v_until := coalesce((p_query -> 'before' ->> 'at')::timestamptz, clock_timestamp());
  v_found := array(
    select r from ablo.receipt r
     where r.organization_id = p_organization
       and r.created_at <= v_until
       and (p_query -> 'before' is null or (r.created_at, r.participant, r.key) < (v_until, v_whose, v_key))
       and ablo.key_covers(v_rights, r.capability_id) and (v_open or r.participant = p_participant)
       and (p_query ->> 'participant' is null
            or p_query ->> 'participant' in (r.participant, substr(r.participant, strpos(r.participant, ':') + 1)))
     order by r.created_at desc, r.participant desc, r.key desc
     limit v_limit + 1);
  return json_build_object(
    'data', coalesce((select json_agg(ablo.commit_record(v_found[n]) order by n)
                        from generate_series(1, least(v_limit, cardinality(v_found))) n), '[]'),
    'next', case when cardinality(v_found) > v_limit then json_build_object(
      'at', v_found[v_limit].created_at, 'participant', v_found[v_limit].participant, 'key', v_found[v_limit].key) end);
end
$$;
