-- A premise's readAt as a sync id. Called by: ablo.premise_stale, ablo.premise_check.
-- Raises: invalid_request when it is no integer, or no id that was ever drawn; stale_context when the
-- log no longer reaches back that far, so that nothing can be said about it.
create or replace function ablo.read_position(p_read_at jsonb, p_subject text) returns bigint
language plpgsql stable
as $$
declare
  v_read_at bigint;
begin
  if p_read_at is null or jsonb_typeof(p_read_at) <> 'number' or p_read_at::numeric % 1 <> 0
    or p_read_at::numeric not between 0 and 9223372036854775807
  then
    perform ablo.raise_error('invalid_request',
      format('readAt of a premise on %s is %s, not a sync id', p_subject, coalesce(left(p_read_at::text, 40), 'missing')),
      'pass the stamp that came with the read', jsonb_build_object('field', 'readAt', 'model', p_subject));
  end if;
  v_read_at := p_read_at::bigint;
  if v_read_at > (select greatest(q.last_value, s.dropped_through) from ablo.sync_id q, ablo.log_state s) then
    perform ablo.raise_error('invalid_request',
      format('readAt %s of a premise on %s lies ahead of the log', v_read_at, p_subject),
      'pass the stamp that came with the read', jsonb_build_object('field', 'readAt', 'model', p_subject));
  elsif v_read_at < (select s.dropped_through from ablo.log_state s) then
    perform ablo.raise_error('stale_context',
      format('%s was read at %s, and the log no longer reaches back that far', p_subject, v_read_at),
      'read it again and decide anew', jsonb_build_object('model', p_subject, 'readAt', v_read_at));
  end if;
  return v_read_at;
end
$$;
