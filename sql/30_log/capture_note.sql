create or replace function ablo.capture_note(p_organization text) returns void
language plpgsql volatile
as $$
  -- Record the organization of a changed row whose writer has not named that organization, so that the commit
  -- point can take all order locks in one order. Transaction-local, and rolled back with a savepoint; '*' stands
  -- for more than 64 organizations.
  -- Called by: guard triggers, not on the API's path. Locks: none.
declare
  v_noted text := coalesce(current_setting('ablo.tx_orgs', true), '');
begin
  if p_organization is null or v_noted = '*' or position(e'\x1f' || p_organization || e'\x1f' in v_noted) > 0 then
    return;
  end if;
  v_noted := case when v_noted = '' then e'\x1f' else v_noted end || p_organization || e'\x1f';
  if length(v_noted) - length(replace(v_noted, e'\x1f', '')) > 65 then
    v_noted := '*';
  end if;
  perform set_config('ablo.tx_orgs', v_noted, true);
end
$$;
