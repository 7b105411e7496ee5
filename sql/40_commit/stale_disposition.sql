create or replace function ablo.stale_disposition(p_on_stale text, p_model text, p_participant text) returns text
language plpgsql stable
as $$
  -- What happens to a stale operation: its own onStale, else the model's conflict policy for the writer's kind of
  -- participant, else reject.
  -- Called by: ablo.premise_check, ablo.reads_stale, ablo.track_put; only if something was read. Runs no query.
  -- Raises: invalid_request.
declare
  v_found text := coalesce(
    ablo.stale_word(coalesce(p_on_stale, ablo_model.conflict(p_model, split_part(p_participant, ':', 1)))), 'reject');
begin
  if v_found not in ('reject', 'overwrite', 'notify', 'flag') then
    perform ablo.raise_error('invalid_request', format('onStale cannot be %L', left(v_found, 40)),
      'pass reject, overwrite, notify or flag', jsonb_build_object('model', p_model, 'field', 'onStale'));
  end if;
  return v_found;
end
$$;
