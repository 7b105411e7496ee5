create or replace function ablo.claim_renew(
  p_organization text, p_participant text, p_claim_id text, p_request jsonb
) returns ablo.claim
language plpgsql volatile
as $$
  -- Restart a live claim's lease, or a waiter's place in the queue; null if it is not the participant's or no
  -- longer live. p_request: {ttl?, details?}; details become meta.progress.
  -- Called by: heartbeat, get. Locks: the claim. Raises: duration_invalid, invalid_request, request_too_large.
declare
  v_ttl interval := case when nullif(p_request -> 'ttl', 'null') is not null then ablo.ttl_interval(p_request -> 'ttl') end;
  v_details jsonb := nullif(p_request -> 'details', 'null');
  v_claim ablo.claim;
begin
  if not ablo.json_fits(v_details) then
    perform ablo.raise_error('invalid_request', 'details nest too deep, or contain a number that clients cannot read',
      'keep them within 128 levels, and numbers within double precision; carry larger ones in strings', '{"field": "details"}');
  elsif pg_column_size(v_details) > 16384 then
    perform ablo.raise_error('request_too_large', format('details of %s bytes are too large', pg_column_size(v_details)),
      'keep them below 16 KiB', '{"field": "details"}');
  end if;
  update ablo.claim c
     set ttl = coalesce(v_ttl, c.ttl),
         expires_at = clock_timestamp() + coalesce(v_ttl, c.ttl),
         meta = case when v_details is null then c.meta
                     else coalesce(c.meta, '{}') || jsonb_build_object('progress', v_details) end
   where c.organization_id = p_organization and c.id = p_claim_id and c.participant = p_participant
     and c.status in ('active', 'queued') and c.expires_at > clock_timestamp()
  returning * into v_claim;
  return v_claim;
end
$$;
