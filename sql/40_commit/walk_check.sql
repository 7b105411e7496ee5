create or replace function ablo.walk_check(p_organization text, p_read_at bigint, p_before bigint, p_subject text)
returns void
language plpgsql volatile
as $$
  -- Refuse a premise whose check would walk further back than allowed under the order lock.
  -- Called by: ablo.read_stale, for groups and filters. Raises: stale_context.
begin
  if p_read_at < (select s.dropped_through from ablo.log_state s where s.singleton) then
    perform ablo.read_too_old(p_read_at, p_subject);
  elsif ablo.walk_start(p_organization, p_read_at, p_before) > p_read_at then
    perform ablo.raise_error('stale_context',
      format('%s was read at %s, more than %s changes of the organization ago', p_subject, p_read_at, ablo.walk_limit()),
      'read it again and decide again; for a long-lived premise, name rows',
      jsonb_build_object('model', p_subject, 'readAt', p_read_at));
  end if;
end
$$;
