create or replace function ablo.order_lock(p_organization text) returns void
language plpgsql volatile
as $$
  -- Take the order lock of an organization: from here to the end of the transaction no other commit in it can
  -- come before ours. The last wait of a transaction: its holder waits for nothing but the flush.
  -- Called by: capture functions at the commit point, ablo.commit_run, ablo.commit_batch (first, there). Locks:
  -- the gate shared, then the organization's. A transaction that changes rows of several organizations (an
  -- administrator's UPDATE without WHERE) has them all recorded in ablo.tx_orgs by then, except the one that the
  -- session has set, and takes them in key order, so that two such cannot deadlock; beyond 64 ('*') it takes the
  -- gate exclusively instead of thousands of locks. Written as assignments: PL/pgSQL evaluates those without
  -- running a query, and the key functions are inlined in them.
declare
  v_noted text := current_setting('ablo.tx_orgs', true);
  v_key bigint;
  v_done text;
begin
  if v_noted = '*' then
    perform pg_advisory_xact_lock(ablo.order_gate_key());
  else
    v_done := pg_advisory_xact_lock_shared(ablo.order_gate_key());
    if v_noted <> '' then
      for v_key in
        select distinct ablo.order_key(o)
          from unnest(string_to_array(
            concat_ws(e'\x1f', v_noted, current_setting('app.current_org_id', true), p_organization), e'\x1f')) o
         where o <> ''
        order by 1
      loop
        v_done := pg_advisory_xact_lock(v_key);
      end loop;
      perform set_config('ablo.tx_orgs', '', true);
    end if;
    v_done := pg_advisory_xact_lock(ablo.order_key(p_organization));
  end if;
  -- A listener holds the exclusive lock: send a hint. A transaction that has notified cannot be prepared. If
  -- the server allows prepared transactions, only a session that has declared (ablo.notify) that it prepares
  -- none sends hints; a caller's own transaction may be prepared.
  if not pg_try_advisory_xact_lock_shared(ablo.listen_key()) then
    if current_setting('max_prepared_transactions') = '0' or current_setting('ablo.notify', true) = 'on' then
      perform pg_notify('ablo_delta', case when octet_length(p_organization) <= 60 then p_organization else '' end);
    end if;
  end if;
end
$$;
