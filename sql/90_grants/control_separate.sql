-- Take the making, listing and managing of keys away from the runtime role, and give them to ablo_control: who then
-- holds DATABASE_URL mints from a key that was shown to them, and makes none. It lasts: upgrades keep it so.
-- Called by: `ablo-pg connect --control`, which makes the role, and grants.sql. As ablo_owner.
create or replace function ablo.control_separate() returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
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
