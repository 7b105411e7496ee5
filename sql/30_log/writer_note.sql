create or replace function ablo.writer_note(p_writer text) returns void
language plpgsql volatile
as $$
  -- Record the writer of the changes from here on: captures use it at the commit, whatever the settings are by
  -- then. Earlier changes of another writer in this transaction are captured first, under that writer. p_writer:
  -- app.current_participant_id, or system:LOGIN. Transaction-local, and rolled back with a savepoint.
  -- Called by: guard triggers, if the writer is not the recorded one. Locks: order locks, if the transaction has
  -- changes of another writer. Raises: invalid_participant_kind.
declare
  v_done text;
begin
  if split_part(p_writer, ':', 1) not in ('user', 'agent', 'system') or split_part(p_writer, ':', 2) = '' then
    perform ablo.raise_error('invalid_participant_kind',
      format('app.current_participant_id is %L, not kind:id with kind user, agent or system', left(p_writer, 40)),
      'set it to for example user:ann, or to nothing, which means system:LOGIN', '{"field": "participant"}');
  elsif current_setting('ablo.writer', true) <> '' then
    perform ablo.capture_now(false);
  end if;
  v_done := set_config('ablo.writer', p_writer, true);
end
$$;
