create or replace function ablo.presence_leave(p_organization text, p_participant text, p_session text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Record that a session has left; true if it was present. Called by: clients. Locks: the session's row.
declare
  v_here boolean;
begin
  perform ablo.participant_check(p_organization, p_participant);
  delete from ablo.presence p
   where p.organization_id = p_organization and p.participant = p_participant and p.session = p_session
  returning p.expires_at > clock_timestamp() into v_here;
  return coalesce(v_here, false);
end
$$;
