create or replace function ablo.write_suppressed(
  p_table regclass, p_model text, p_action text, p_id text, p_updated timestamptz, p_since timestamptz
) returns boolean
language plpgsql stable
as $$
  -- A write has changed no row. Did the table's own trigger, rule or policy suppress it? True: they changed the
  -- row differently (a soft delete), which counts, and which the log records. False: the table has no such rule,
  -- so there is no such row. p_updated: the row's current updated_at, null without a row; p_since: when the write
  -- began.
  -- Called by: compiled write functions, if no row was found. Locks: none. Raises: write_suppressed.
begin
  if p_updated >= p_since or p_updated = now() then
    return true;
  elsif p_updated is null and p_action <> 'create' or not exists (
      select from pg_catalog.pg_trigger t where t.tgrelid = p_table and not t.tgisinternal and t.tgname not like 'zz\_ablo\_%'
      union all
      select from pg_catalog.pg_rewrite r where r.ev_class = p_table
      union all
      select from pg_catalog.pg_policy p where p.polrelid = p_table and not p.polpermissive)
  then
    return false;
  end if;
  perform ablo.raise_error('write_suppressed',
    format('%s %L: the table''s own trigger, rule or policy suppressed the %s; nothing was written',
      p_model, left(p_id, 80), p_action),
    format('see the triggers, rules and policies of %s; one that refuses on purpose should use RAISE', p_table),
    jsonb_build_object('model', p_model, 'id', left(p_id, 255), 'action', p_action));
end
$$;
