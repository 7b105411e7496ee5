create or replace function ablo.claim_quota(p_organization text, p_participant text) returns void
language plpgsql stable
as $$
  -- Limit one participant's claims held (64) and places in queues (32). A service sets its own limits for its
  -- session, like statement_timeout: ablo.open_claims, ablo.open_waits.
  -- Called by: ablo.claim_acquire. Raises: quota_exceeded. Reads claim_participant_idx.
declare
  v_most_held int := coalesce(nullif(current_setting('ablo.open_claims', true), ''), '64');
  v_most_waiting int := coalesce(nullif(current_setting('ablo.open_waits', true), ''), '32');
  v_held int;
  v_waiting int;
begin
  select count(*) filter (where c.status = 'active'), count(*) filter (where c.status = 'queued')
    into v_held, v_waiting
    from ablo.claim c
   where c.organization_id = p_organization and c.participant = p_participant
     and c.status in ('active', 'queued') and c.expires_at > clock_timestamp();
  if v_held >= v_most_held or v_waiting >= v_most_waiting then
    perform ablo.raise_error('quota_exceeded',
      format('%s holds %s claims and waits for %s; the limits are %s and %s', left(p_participant, 80), v_held, v_waiting,
        v_most_held, v_most_waiting),
      'release some first', jsonb_build_object('held', v_held, 'waiting', v_waiting,
        'limit', case when v_held >= v_most_held then v_most_held else v_most_waiting end));
  end if;
end
$$;
