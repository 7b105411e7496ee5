-- Keep one participant from taking everything: at most 64 claims held and 32 places in line.
-- Called by: ablo.claim_acquire. Raises: quota_exceeded. Reads claim_participant_idx.
create or replace function ablo.claim_quota(p_organization text, p_participant text) returns void
language plpgsql stable
as $$
declare
  v_held int;
  v_waiting int;
begin
  select count(*) filter (where c.status = 'active'), count(*) filter (where c.status = 'queued')
    into v_held, v_waiting
    from ablo.claim c
   where c.organization_id = p_organization and c.participant = p_participant
     and c.status in ('active', 'queued') and c.expires_at > clock_timestamp();
  if v_held >= 64 or v_waiting >= 32 then
    perform ablo.raise_error('quota_exceeded',
      format('%s holds %s claims and waits for %s; the most is 64 and 32', left(p_participant, 80), v_held, v_waiting),
      'release some first', jsonb_build_object('held', v_held, 'waiting', v_waiting));
  end if;
end
$$;
