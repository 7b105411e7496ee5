create or replace function ablo.read_position(p_read_at jsonb, p_subject text) returns bigint
language plpgsql stable
as $$
  -- A premise's readAt as a sync id.
  -- Called by: ablo.premise_stale, ablo.reads_stale. Runs no query. Raises: invalid_request if it is not an
  -- integer, or was never issued as an id.
begin
  if p_read_at is null or jsonb_typeof(p_read_at) <> 'number' or p_read_at::numeric % 1 <> 0
    or p_read_at::numeric not between 0 and 9223372036854775807
  then
    perform ablo.raise_error('invalid_request',
      format('readAt of a premise on %s is %s, not a sync id', p_subject, coalesce(left(p_read_at::text, 40), 'missing')),
      'pass the stamp that came with the read', jsonb_build_object('field', 'readAt', 'model', p_subject));
  elsif p_read_at::bigint > coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0) then
    perform ablo.raise_error('invalid_request',
      format('readAt %s of a premise on %s is ahead of the log', p_read_at, p_subject),
      'pass the stamp that came with the read', jsonb_build_object('field', 'readAt', 'model', p_subject));
  end if;
  return p_read_at::bigint;
end
$$;
