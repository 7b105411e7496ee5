create or replace function ablo.ttl_interval(p_ttl jsonb) returns interval
language plpgsql immutable
as $$
  -- A time to live as an interval: text `<number><ms|s|m|h>`, or a number of seconds; default 60 s. Clamped to
  -- 250 ms .. 24 h: a lease shorter than a few round trips only flaps, and a longer one outlives the people who
  -- could fix it.
  -- Called by: claim routines. Raises: duration_invalid.
declare
  v_parts text[];
  v_seconds numeric;
begin
  if p_ttl is null or p_ttl = 'null' then
    return interval '60 seconds';
  elsif jsonb_typeof(p_ttl) = 'number' then
    v_seconds := p_ttl::numeric;
  else
    v_parts := regexp_match(p_ttl #>> '{}', '^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h)$');
    v_seconds := v_parts[1]::numeric
      * case v_parts[2] when 'ms' then 0.001 when 's' then 1 when 'm' then 60 when 'h' then 3600 end;
  end if;
  if v_seconds is null or v_seconds <= 0 then
    perform ablo.raise_error('duration_invalid', format('ttl %s is not a duration', left(p_ttl::text, 40)),
      'pass 500ms, 30s, 5m, 24h, or a number of seconds', '{"field": "ttl"}');
  end if;
  return make_interval(secs => least(greatest(v_seconds, 0.25), 86400)::double precision);
end
$$;
