create or replace function ablo.presence_list(
  p_organization text, p_participant text, p_filter jsonb default '{}', p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Who is present: one entry per participant, with what it holds and waits for. Claim holders are present,
  -- with or without a session. At most 500, by name; p_filter: {participant?, kind?, after?}.
  -- [{participant, participantKind, sessions, status?, activity?, meta?, since?, seenAt?, expiresAt,
  --   claims: [summary], waiting: [summary with position]}]; of several sessions the last seen speaks.
  -- p_capability_id: with claims and activities that this key may know of; where it is bound to sync groups,
  -- itself, and participants that hold or wait for a row of them or follow one (meta.syncGroups).
  -- Called by: clients. Waits for nothing; reads the key of presence and claim_participant_idx.
declare
  v_identity text := ablo.identity_set(p_organization, p_participant);
  v_found json;
  v_key ablo.key_rights;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  with here as (
    select distinct on (p.participant) p.*, count(*) over (partition by p.participant) as sessions
      from ablo.presence p
     where p.organization_id = p_organization and p.expires_at > clock_timestamp()
     order by p.participant, p.seen_at desc),
  live as (
    select c as claim, c.participant, c.status, c.ticket, c.expires_at,
           count(*) filter (where c.status = 'queued') over (
             partition by c.model, c.row_id order by c.ticket rows between unbounded preceding and 1 preceding) as position
      from ablo.claim c
     where c.organization_id = p_organization and c.status in ('active', 'queued') and c.expires_at > clock_timestamp()
       and not (c.status = 'active' and ablo.claim_row_deleted(c)) and ablo.claim_seen(v_key, c)),
  claims as (
    select l.participant, max(l.expires_at) as expires_at,
           jsonb_agg(ablo.claim_summary(l.claim) order by l.ticket) filter (where l.status = 'active') as held,
           jsonb_agg(ablo.claim_summary(l.claim) || jsonb_build_object('position', l.position)
                     order by l.ticket) filter (where l.status = 'queued') as waiting
      from live l group by l.participant),
  listed as (
    select coalesce(h.participant, c.participant) as participant,
           jsonb_strip_nulls(jsonb_build_object(
             'participant', coalesce(h.participant, c.participant),
             'participantKind', split_part(coalesce(h.participant, c.participant), ':', 1),
             'sessions', coalesce(h.sessions, 0),
             'status', h.status,
             'since', ablo.ms(h.since),
             'seenAt', ablo.ms(h.seen_at),
             'expiresAt', ablo.ms(greatest(h.expires_at, c.expires_at)),
             'claims', coalesce(c.held, '[]'),
             'waiting', coalesce(c.waiting, '[]')))
           || jsonb_build_object('activity', ablo.activity_seen(p_organization, v_key, h.activity),
                'meta', ablo.presence_meta(p_organization, v_key, h.meta)) as entry
      from here h full join claims c on c.participant = h.participant
     where v_key.sync_groups is null or c.participant is not null or h.participant = p_participant
        or ablo.presence_meta(p_organization, v_key, h.meta) -> 'syncGroups' <> '[]')
  select coalesce(json_agg(x.entry order by x.participant), '[]') into v_found
    from (select l.participant, l.entry from listed l
           where (p_filter ->> 'participant' is null or l.participant = p_filter ->> 'participant')
             and (p_filter ->> 'kind' is null or split_part(l.participant, ':', 1) = p_filter ->> 'kind')
             and (p_filter ->> 'after' is null or l.participant > p_filter ->> 'after')
           order by l.participant limit 500) x;
  return ablo.identity_restore(v_identity, v_found);
end
$$;
