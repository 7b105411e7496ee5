create or replace function ablo.operation_again(p_participant text, p_operation jsonb, p_model text, p_index int) returns void
language plpgsql stable
as $$
  -- Refuse a guarded operation on a row that an earlier operation of the same commit has written: both were
  -- computed from one read, and the second would undo the first. onStale overwrite and flag allow it; the holder
  -- of a claim is not checked here.
  -- Called by: ablo.commit_apply. Raises: stale_context.
begin
  if ablo.stale_disposition(p_operation ->> 'onStale', p_model, p_participant) in ('reject', 'notify') then
    perform ablo.raise_error('stale_context',
      format('%s %s was read at %s, and an earlier operation of this commit has written it since',
        p_operation ->> 'model', left(p_operation ->> 'id', 80), p_operation -> 'readAt'),
      'merge the two operations, or commit them one after the other, each with its own read',
      jsonb_build_object('model', p_operation ->> 'model', 'id', p_operation ->> 'id', 'operation', p_index,
        'conflicts', jsonb_build_array(jsonb_build_object('model', p_operation ->> 'model', 'id', p_operation ->> 'id',
          'readAt', p_operation -> 'readAt', 'writtenBy', ablo.actor_json(p_participant)))));
  end if;
end
$$;
