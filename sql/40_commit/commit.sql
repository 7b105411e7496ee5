create or replace function ablo.commit(
  p_organization text,
  p_participant text,
  p_key text,
  p_request jsonb,
  p_on_behalf_of text default null,
  p_capability_id text default null,
  p_transport text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
  -- Apply one commit: all of its operations, or none. One call, one round trip, one transaction.
  -- Called by: every client. p_participant is `kind:id`; p_request as in ablo.commit_run; p_transport, the
  -- interface it came through (http, websocket), is stored for its record.
  -- Locks, in order: the idempotency key, rows, the organization's order lock.
  -- Raises: the errors of commit_run; isolation_level_unsupported outside READ COMMITTED, where a
  -- premise would be checked on an old snapshot.
  -- Returns the receipt; if the request has "returning": true, with the rows too (ablo.commit_rows).
  -- Inside a caller's own transaction it commits or rolls back with it, and restores the identity settings.
  -- Plans are generic and by index from the first call on: a log that is still small when a session plans
  -- its statements is not small for long. Nothing here is worth compiling.
declare
  -- An earlier commit of this transaction holds the order lock. The setting alone proves nothing.
  v_ordered boolean := current_setting('ablo.ordered', true) is not distinct from p_organization
    and pg_try_advisory_xact_lock(ablo.order_key(p_organization));
  v_receipt json;
  v_found text;
  v_done text;
  v_returning boolean := p_request -> 'returning' = 'true';
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ablo.raise_error('isolation_level_unsupported',
      format('a commit cannot judge what it read at isolation level %s', current_setting('transaction_isolation')),
      'run it at READ COMMITTED; its guards are stricter than that level');
  end if;
  if v_ordered then
    set constraints all immediate;  -- the caller may have deferred them again
  end if;
  v_found := ablo.identity_set(p_organization, p_participant, p_on_behalf_of, p_capability_id);
  if v_returning then
    v_done := set_config('ablo.row', '?', true);  -- the capture fills it in, for commit_rows
  end if;
  v_receipt := ablo.commit_run(p_organization, p_participant, p_key, p_request, p_on_behalf_of, p_capability_id, v_ordered,
                               p_transport);
  if v_returning then
    v_receipt := ablo.commit_rows(p_organization, p_request, v_receipt);
    v_done := set_config('ablo.row', '', true);
  end if;
  return ablo.identity_restore(v_found, v_receipt);
end
$$;
