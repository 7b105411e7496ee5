create or replace function ablo.row_get(
  p_organization text, p_participant text, p_model text, p_id text, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
  -- One row and its stamp, from one snapshot: {"row": {...} | null, "stamp": n}. The stamp is the id of the row's
  -- last delta; for a row without one, and for a missing row, the organization's watermark. p_capability_id: the
  -- caller's key; a row outside its sync groups reads as missing.
  -- Called by: clients. STABLE, so that both reads see the caller's snapshot. Locks: none. Raises:
  -- server_execute_unknown_model, identity_missing_organization, and the errors of ablo.key_check_read.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_model ablo.model := ablo.read_model(p_model);
begin
  return ablo.identity_restore(v_found, ablo.row_read(p_organization, v_model, p_id, case when p_capability_id is not null
    then (ablo.key_check_read(p_organization, p_participant, p_capability_id, v_model.typename)).sync_groups end));
end
$$;
