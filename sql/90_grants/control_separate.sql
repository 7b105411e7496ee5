create or replace function ablo.control_separate() returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Move the rights to create, list and manage keys from the runtime role to ablo_control: a holder of
  -- DATABASE_URL can then mint from a key that it was given, and create none. Upgrades keep this.
  -- Called by: `ablo-pg connect --control`, which creates the role, and grants.sql. As ablo_owner.
begin
  grant usage on schema ablo to ablo_control;
  grant execute on function
    ablo.key_create(text, text, jsonb),
    ablo.key_get(text, text, text),
    ablo.key_list(text, boolean),
    ablo.key_revoke(text, text, text),
    ablo.key_rotate(text, text, jsonb, text)
  to ablo_control;
  revoke execute on function ablo.key_create(text, text, jsonb), ablo.key_list(text, boolean) from ablo_runtime;
end
$$;
