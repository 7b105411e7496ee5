create or replace function ablo.key_expiry(p_ttl_seconds jsonb, p_bound timestamptz) returns timestamptz
language plpgsql volatile
as $$
  -- When a key with this ttl ends: never later than its bound; null if neither is given.
  -- Called by: ablo.key_create, ablo.key_mint, ablo.key_rotate. Raises: duration_invalid.
declare
  v_seconds numeric;
begin
  if coalesce(p_ttl_seconds, 'null') = 'null' then
    return p_bound;
  elsif jsonb_typeof(p_ttl_seconds) = 'number' then
    v_seconds := p_ttl_seconds::numeric;
  end if;
  if v_seconds is null or v_seconds <= 0 or v_seconds > 315360000 then
    perform ablo.raise_error('duration_invalid', format('ttlSeconds %s is not a time to live', left(p_ttl_seconds::text, 40)),
      'pass seconds, above 0 and at most 315360000 (ten years)', '{"field": "ttlSeconds"}');
  end if;
  return least(clock_timestamp() + make_interval(secs => v_seconds::double precision), p_bound);
end
$$;
