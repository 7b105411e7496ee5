create or replace function ablo.claim_release_row(
  p_organization text, p_participant text, p_model text, p_id text, p_capability_id text default null
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Release every claim and wait of the caller on a row. True if there was one.
  -- Called by: clients. Locks: the target's claims, the row. Raises: server_execute_unknown_model.
declare
  v_model ablo.model := ablo.claim_model(p_model, p_id);
  v_released boolean := false;
  v_id text;
begin
  perform ablo.participant_check(p_organization, p_participant);
  p_id := ablo.row_id(v_model.id_type, p_id);
  perform ablo.key_of(p_organization, p_participant, p_capability_id);
  for v_id in
    select c.id from ablo.claim c
     where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id
       and c.participant = p_participant and c.status in ('active', 'queued')
     order by c.status desc, c.ticket  -- leave the queue first, so that the release does not grant it
  loop
    v_released := ablo.claim_release(p_organization, p_participant, v_id, p_capability_id) or v_released;
  end loop;
  return v_released;
end
$$;
