create or replace function ablo.delta_readable(p_model text, p_row json, p_before json) returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Whether the participant of a session of plain SQL may read a row of the log, with all that it tells: the row after
  -- the change and before it. A policy cannot leave out a column or a field, as ablo.delta_seen does.
  -- Called by: the policy delta_readers, if a model limits reading. Locks: none.
declare
  v_actor constant text := coalesce(nullif(current_setting('app.current_participant_id', true), ''), 'system:' || session_user);
begin
  return ablo_model.sees(p_model, null, null, null) or ablo_model.hidden(p_model, v_actor) is null and coalesce(p_row, p_before) is not null
    and (p_row is null or ablo_model.sees(p_model, p_row, null, v_actor))
    and (p_before is null or ablo_model.sees(p_model, coalesce(p_row, '{}'), p_before, v_actor));
end
$$;
