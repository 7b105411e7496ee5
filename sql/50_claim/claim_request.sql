create or replace function ablo.claim_request(p_request jsonb) returns jsonb
language plpgsql immutable
as $$
  -- A claim request, checked: {claimId?, fields?, description?, ttl?, queue?, maxDepth?, meta?}. `action` is an
  -- older name of description, which ablo.claim_acquire cuts.
  -- Called by: ablo.claim_acquire. Raises: invalid_request, request_too_large. Limits: id 255 bytes, description
  -- 1000 characters, meta 16 KiB.
declare
  v_request jsonb := coalesce(nullif(p_request, 'null'), '{}');
  v_wrong text;
begin
  v_wrong := case
    when jsonb_typeof(v_request) <> 'object' then 'request'
    when octet_length(v_request ->> 'claimId') not between 1 and 255 or not ablo.text_fits(v_request ->> 'claimId') then 'claimId'
    when jsonb_typeof(v_request -> 'queue') not in ('boolean', 'null') then 'queue'
    when v_request ->> 'maxDepth' !~ '^\d{1,9}$' then 'maxDepth'
    when jsonb_typeof(v_request -> 'meta') not in ('object', 'null') then 'meta'
  end;
  if v_wrong is not null then
    perform ablo.raise_error('invalid_request',
      format('%s of a claim cannot be %s', v_wrong, left(coalesce(v_request -> v_wrong, v_request)::text, 80)),
      'pass {"claimId": text, "queue": true or false, "maxDepth": integer, "meta": object}; each may be left out',
      jsonb_build_object('field', v_wrong));
  elsif not ablo.json_fits(v_request) then
    perform ablo.raise_error('invalid_request', 'meta of a claim nests too deep, or contains a number that clients cannot read',
      'keep it within 128 levels, and numbers within double precision; carry larger ones in strings', '{"field": "meta"}');
  elsif pg_column_size(v_request) > 20000 then
    perform ablo.raise_error('request_too_large', format('a claim of %s bytes is too large', pg_column_size(v_request)),
      'keep meta below 16 KiB: every answer about the claim contains it', '{"field": "meta"}');
  end if;
  return v_request;
end
$$;
