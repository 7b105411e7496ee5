create or replace function ablo.commit_check(p_key text, p_request jsonb) returns void
language plpgsql immutable
as $$
  -- Check the shape of a commit before anything is locked or written.
  -- Called by: ablo.commit_run, for what is not plainly well-formed; ablo.commit_refusal. Raises:
  -- idempotency_key_too_long, commit_operation_required, commit_too_many_operations, invalid_request. Limits: key
  -- 255 characters, 500 operations, 500 premises and tracks together. A commit that tracks something needs no
  -- operations.
declare
  v_operations jsonb := p_request -> 'operations';
  v_reads jsonb := nullif(p_request -> 'reads', 'null');
  v_tracks jsonb := nullif(p_request -> 'track', 'null');
begin
  if coalesce(p_key, '') = '' then
    perform ablo.raise_error('invalid_request', 'a commit needs an idempotency key',
      'pass one; a uuid will do', '{"field": "idempotencyKey"}');
  elsif length(p_key) > 255 then
    perform ablo.raise_error('idempotency_key_too_long',
      format('the idempotency key has %s characters; the maximum is 255', length(p_key)),
      'shorten or hash it', '{"field": "idempotencyKey"}');
  elsif not ablo.text_fits(p_key) then
    perform ablo.raise_error('invalid_request', 'an idempotency key cannot contain control characters',
      'pass printable text; a uuid will do', '{"field": "idempotencyKey"}');
  elsif not ablo.json_fits(v_reads) or not ablo.json_fits(v_tracks) then
    perform ablo.raise_error('invalid_request', 'a premise nests too deep, or contains a number that clients cannot read',
      'keep it within 128 levels, and numbers within double precision',
      jsonb_build_object('field', case when ablo.json_fits(v_reads) is false then 'reads' else 'track' end));
  elsif v_tracks is not null and jsonb_typeof(v_tracks) <> 'array' then
    perform ablo.raise_error('invalid_request', format('track is a %s, not an array of targets', jsonb_typeof(v_tracks)),
      'pass track=[{"model": ..., "id": ...}]', '{"field": "track"}');
  elsif coalesce(v_operations, 'null') in ('null', '[]') and coalesce(v_tracks, '[]') = '[]'
    or jsonb_typeof(v_operations) not in ('array', 'null')
  then
    perform ablo.raise_error('commit_operation_required', 'a commit needs at least one operation',
      'pass operations=[{"action": ..., "model": ..., "id": ..., "data": ...}]', '{"field": "operations"}');
  elsif jsonb_typeof(v_operations) = 'array' and jsonb_array_length(v_operations) > 500 then
    perform ablo.raise_error('commit_too_many_operations',
      format('%s operations in one commit; the limit is 500', jsonb_array_length(v_operations)),
      'split it into several commits', '{"field": "operations"}');
  elsif v_reads is not null and jsonb_typeof(v_reads) <> 'array' then
    perform ablo.raise_error('invalid_request', format('reads is a %s, not an array of premises', jsonb_typeof(v_reads)),
      'pass reads=[{"model": ..., "id": ..., "readAt": ...}]', '{"field": "reads"}');
  elsif coalesce(jsonb_array_length(v_reads), 0) + coalesce(jsonb_array_length(v_tracks), 0) > 500 then
    perform ablo.raise_error('invalid_request',
      format('%s premises and tracks in one commit; the limit is 500',
        coalesce(jsonb_array_length(v_reads), 0) + coalesce(jsonb_array_length(v_tracks), 0)),
      'name a group instead of many rows', '{"field": "reads"}');
  end if;
end
$$;
