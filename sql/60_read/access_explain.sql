create or replace function ablo.access_explain(
  p_organization text, p_participant text, p_model text, p_id text, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  -- What the caller may do with a row, and what decides that (ablo.access_answer). It tells of no row that the caller
  -- may not see: a denied row and an absent one are answered alike.
  -- Called by: clients. Locks: none. Raises: server_execute_unknown_model, and the errors of ablo.key_of.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_key ablo.key_rights := ablo.key_of(p_organization, p_participant, p_capability_id);
  v_model ablo.model := ablo.read_model(p_model);
begin
  v_key.organization_id := p_organization;
  v_key.participant := p_participant;
  p_id := ablo.row_id(v_model.id_type, p_id);
  return ablo.identity_restore(v_found, ablo.access_answer(v_key, v_model, p_id, ablo.access_judge(v_key, v_model, p_id, null))::json);
end
$$;
