create or replace function ablo.commit_batch(p_organization text, p_commits jsonb)
returns table (ordinal int, receipt json, error json)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
  -- Group commit: concurrent commits of one organization in one transaction and one flush. The plain ones are
  -- applied first and set-wise (ablo.batch_apply), the others in order, each in a subtransaction of its own: its
  -- premises exact, its failure its own.
  -- p_commits: [{participant, key, request, onBehalfOf?, capabilityId?, transport?}], at most 60 (more than 64
  -- subtransactions overflow a backend's cache of them). One answer each, in order: a receipt, or the
  -- error {sqlstate, message, detail, ...}. SQLSTATE 55P03 = it would have had to wait for a row or a
  -- key: send it alone through ablo.commit.
  -- Called by: clients that gather commits. Locks: the order lock FIRST; after it nothing is waited for
  -- longer than a millisecond, so no single commit (rows first, order lock last) can deadlock with it.
  -- Plans are generic and by index from the first call on: a log that is still small when a session plans
  -- its statements is not small for long. Nothing here is worth compiling.
declare
  v_found text := ablo.identity_found();
  v_timeout text := current_setting('lock_timeout');
  v_commit jsonb;
  v_state text;
  v_message text;
  v_detail text;
  v_hint text;
  v_constraint text;
  v_table text;
  v_column text;
  v_context text;
  v_plain record;
  v_done text;
  v_returning boolean;
  v_bytes bigint := 0;  -- of answers with rows; beyond one answer's budget the callers read them
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform ablo.raise_error('isolation_level_unsupported',
      format('a commit cannot judge what it read at isolation level %s', current_setting('transaction_isolation')),
      'run it at READ COMMITTED; its guards are stricter than that level');
  elsif jsonb_typeof(p_commits) is distinct from 'array' then
    perform ablo.raise_error('invalid_request', format('a batch is an array of commits, not %s', coalesce(jsonb_typeof(p_commits), 'null')),
      'pass [{"participant", "key", "request"}]', '{"field": "commits"}');
  elsif jsonb_array_length(p_commits) > 60 then
    perform ablo.raise_error('commit_too_many_operations',
      format('%s commits in one batch; the limit is 60', jsonb_array_length(p_commits)), 'send several batches');
  end if;
  perform ablo.order_lock(p_organization);
  perform set_config('lock_timeout', '1ms', true);
  set constraints all immediate;
  v_plain := ablo.batch_apply(p_organization, p_commits);

  for v_index in 0 .. jsonb_array_length(p_commits) - 1 loop
    ordinal := v_index;
    error := null;
    receipt := v_plain.receipts[v_index + 1];
    if receipt is not null then
      if v_plain.rows[v_index + 1] is not null and v_bytes < ablo.bound('answer_bytes') then
        receipt := left(receipt::text, -1) || ',"rows":[' || v_plain.rows[v_index + 1] || ']}';
        v_bytes := v_bytes + octet_length(receipt::text);
      end if;
      return next;
      continue;
    end if;
    v_commit := p_commits -> v_index;
    begin
      v_done := ablo.identity_set(p_organization, v_commit ->> 'participant', v_commit ->> 'onBehalfOf', v_commit ->> 'capabilityId');
      v_returning := v_commit #> '{request,returning}' = 'true' and v_bytes < ablo.bound('answer_bytes');
      v_done := set_config('ablo.row', case when v_returning then '?' else '' end, true);  -- see ablo.commit
      receipt := ablo.commit_run(p_organization, v_commit ->> 'participant', v_commit ->> 'key', v_commit -> 'request',
                                 v_commit ->> 'onBehalfOf', v_commit ->> 'capabilityId', true, v_commit ->> 'transport');
      if v_returning then
        receipt := ablo.commit_rows(p_organization, v_commit -> 'request', receipt);
        v_bytes := v_bytes + octet_length(receipt::text);
      end if;
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text,
        v_detail = pg_exception_detail, v_hint = pg_exception_hint, v_constraint = constraint_name,
        v_table = table_name, v_column = column_name, v_context = pg_exception_context;
      receipt := null;
      error := json_build_object('sqlstate', v_state, 'message', v_message, 'detail', v_detail, 'hint', v_hint,
        'constraint', v_constraint, 'table', v_table, 'column', v_column, 'context', v_context);
    end;
    return next;
  end loop;
  v_done := set_config('ablo.row', '', true);
  v_done := ablo.identity_restore(v_found, set_config('lock_timeout', v_timeout, true));
end
$$;
