create or replace function ablo.presence_check(p_session text, p_request jsonb) returns void
language plpgsql immutable
as $$
  -- Check a session's presence.
  -- Called by: ablo.presence_beat. Raises: invalid_request, request_too_large. Limits: session 255 bytes, status
  -- 100 characters, activity and meta 16 KiB together.
declare
  v_wrong text := case
    when coalesce(octet_length(p_session), 0) not between 1 and 255 or not ablo.text_fits(p_session) then 'session'
    when jsonb_typeof(p_request) <> 'object' then 'request'
    when jsonb_typeof(p_request -> 'status') <> 'string' or length(p_request ->> 'status') not between 1 and 100 then 'status'
    when jsonb_typeof(p_request -> 'activity') not in ('object', 'null') then 'activity'
    when jsonb_typeof(p_request -> 'meta') not in ('object', 'null') then 'meta'
  end;
begin
  if v_wrong is not null then
    perform ablo.raise_error('invalid_request', format('%s of a presence is invalid', v_wrong),
      'pass a session name, and {"status": text, "activity": object, "meta": object}; each of them may be left out',
      jsonb_build_object('field', v_wrong));
  elsif not ablo.json_fits(p_request) then
    perform ablo.raise_error('invalid_request', 'a presence nests too deep, or contains a number that clients cannot read',
      'keep activity and meta within 128 levels, and numbers within double precision; carry larger ones in strings',
      jsonb_build_object('field', case when ablo.json_fits(p_request -> 'activity') is false then 'activity' else 'meta' end));
  elsif pg_column_size(p_request) > 20000 then
    perform ablo.raise_error('request_too_large', format('a presence of %s bytes is too large', pg_column_size(p_request)),
      'keep activity and meta below 16 KiB: every reader of presence gets them', '{"field": "activity"}');
  end if;
end
$$;
