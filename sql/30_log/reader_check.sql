create or replace function ablo.reader_check(p_capability_id text, p_judges boolean) returns void
language plpgsql stable
as $$
  -- Refuse a reader of the log that would pass on rows that those it serves may not read: a model limits reading, or
  -- identity roles and grants say what keys see; the call names no capability to judge by; and the caller is of a
  -- release that knows neither, or does not say that it applies them (p_judges).
  -- Called by: ablo.delta_read, ablo.delta_tail. Raises: permission_denied.
begin
  if p_capability_id is null and not p_judges and (ablo_model.roles() or not ablo_model.sees(null, null, null, null)) then
    perform ablo.raise_error('permission_denied',
      'the active schema limits who may read which rows (permissions or identity roles), and this reader of the log does not apply that',
      'upgrade ablo-pg where it runs, or name a capability; p_judges => true if it applies both itself');
  end if;
end
$$;
