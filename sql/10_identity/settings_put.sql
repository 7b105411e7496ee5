create or replace function ablo.settings_put(p_values jsonb) returns text
language plpgsql volatile
as $$
  -- Set the settings that a schema maps, for this transaction: {name: value}.
  -- Called by: ablo.identity_set, ablo.identity_restore. Locks: none.
begin
  return (select string_agg(set_config(v.key, coalesce(v.value, ''), true), '') from jsonb_each_text(p_values) v);
end
$$;
