-- Note who makes the changes from here on: captures say so at the commit, whatever the settings are by
-- then. What another has changed before in this transaction is captured first, as that one's.
-- p_writer: app.current_participant_id, or system:LOGIN. Transaction-local, and rolled back with a savepoint.
-- Called by: guard triggers, where the writer is not the one noted. Locks: order locks, where the
-- transaction has changes of another writer. Raises: invalid_participant_kind.
create or replace function ablo.writer_note(p_writer text) returns void
language plpgsql volatile
as $$
begin
  if split_part(p_writer, ':', 1) not in ('user', 'agent', 'system') or split_part(p_writer, ':', 2) = '' then
    perform ablo.raise_error('invalid_participant_kind',
      format('app.current_participant_id is %L, not kind:id with kind user, agent or system', left(p_writer, 40)),
      'set it to for example user:ann, or to nothing, which reads as system:LOGIN', '{"field": "participant"}');
  elsif current_setting('ablo.writer', true) <> '' then
    perform ablo.capture_now(false);
  end if;
  if set_config('ablo.writer', p_writer, true) is null then null; end if;
end
$$;
