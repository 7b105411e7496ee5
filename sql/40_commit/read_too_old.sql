create or replace function ablo.read_too_old(p_read_at bigint, p_subject text) returns void
language plpgsql stable
as $$
  -- Refuse a premise that is older than the log: it cannot be checked.
  -- Called by: ablo.premise_stale, ablo.reads_stale. Raises: stale_context.
begin
  perform ablo.raise_error('stale_context',
    format('%s was read at %s, and the log no longer reaches back that far', p_subject, p_read_at),
    'read it again and decide again', jsonb_build_object('model', p_subject, 'readAt', p_read_at));
end
$$;
