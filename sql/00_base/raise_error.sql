create or replace function ablo.raise_error(
  p_code text,
  p_message text,
  p_hint text default null,
  p_detail jsonb default '{}'
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Raise one typed error: SQLSTATE by code, a human message, a hint that says what to do, and a JSON
  -- DETAIL {"code", ...} that every client turns into the same exception.
  -- Called by: every routine of the kernel and of the compiled models.
begin
  raise exception using
    errcode = ablo.error_state(p_code),
    message = p_message,
    hint = coalesce(p_hint, ''),
    detail = (jsonb_build_object('code', p_code) || coalesce(p_detail, '{}'))::text;
end
$$;
