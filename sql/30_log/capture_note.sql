-- Note the organization of a changed row whose writer has not named that organization, so that the
-- commit point can take all order locks in one order. Transaction-local, and rolled back with a
-- savepoint. Called by: zz_ablo_note triggers (their WHEN keeps them off the API's path).
-- TG_ARGV[0]: the column that holds the organization.
create or replace function ablo.capture_note() returns trigger
language plpgsql volatile
set search_path = ''
as $$
declare
  v_organization text;
  v_noted text := coalesce(current_setting('ablo.tx_orgs', true), '');
begin
  if v_noted = '*' then
    return null;
  end if;
  v_organization := to_jsonb(case when tg_op = 'DELETE' then old else new end) ->> tg_argv[0];
  if v_organization is null or position(e'\x1f' || v_organization || e'\x1f' in v_noted) > 0 then
    return null;
  end if;
  v_noted := case when v_noted = '' then e'\x1f' else v_noted end || v_organization || e'\x1f';
  if length(v_noted) - length(replace(v_noted, e'\x1f', '')) > 64 then
    v_noted := '*';
  end if;
  perform set_config('ablo.tx_orgs', v_noted, true);
  return null;
end
$$;
