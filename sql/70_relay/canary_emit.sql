create or replace function ablo.canary_emit(p_service text) returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- One delta of no organization: it takes the same path as every other (order lock, log, WAL or NOTIFY) and
  -- shows a service whether that path works. Kept as long as the log. Returns its sync id.
  -- Called by: services, every few seconds. p_service names the sender. Locks: the order lock of the organization
  -- 'ablo:canary'. Raises: invalid_request.
declare
  v_organization constant text := 'ablo:canary';
  v_sync_id bigint;
begin
  if coalesce(length(p_service), 0) not between 1 and 64 then
    perform ablo.raise_error('invalid_request', 'a canary must name its service in 1 to 64 characters', 'pass a short name');
  end if;
  perform ablo.order_lock(v_organization);
  insert into ablo.delta (sync_id, organization_id, model, row_id, op, groups, "row", changed, actor, xid, created_at)
  values (nextval('ablo.sync_id'), v_organization, 'ablo:canary', p_service, 'U', array['org:' || v_organization],
          '{}', null, 'system:' || session_user, pg_current_xact_id(), clock_timestamp())
  returning sync_id into v_sync_id;
  return v_sync_id;
end
$$;
