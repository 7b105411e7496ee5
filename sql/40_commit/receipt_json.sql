-- A receipt as clients get it; optional keys are left out, never null. The text is stored and
-- replayed verbatim.
-- Called by: ablo.commit_run. serverTxId names the transaction and the last id drawn in it.
create or replace function ablo.receipt_json(
  p_key text,
  p_applied int,
  p_sync_id bigint,
  p_at timestamptz,
  p_notifications jsonb,
  p_missing text[]
) returns json
language plpgsql volatile
as $$
declare
  v_at text := to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  v_transaction text := 'stx_' || pg_current_xact_id() || '_'
    || case when p_applied > 0 then p_sync_id else nextval('ablo.sync_id') end;
begin
  if p_notifications is null and p_missing is null then
    return json_build_object('object', 'commit_receipt', 'clientTxId', p_key, 'serverTxId', v_transaction,
      'createdAt', v_at, 'statusAt', v_at, 'success', true, 'ops', p_applied, 'status', 'confirmed',
      'lastSyncId', p_sync_id);
  end if;
  return json_strip_nulls(json_build_object('object', 'commit_receipt', 'clientTxId', p_key, 'serverTxId', v_transaction,
    'createdAt', v_at, 'statusAt', v_at, 'success', true, 'ops', p_applied, 'status', 'confirmed',
    'lastSyncId', p_sync_id, 'notifications', p_notifications, 'missingIds', p_missing));
end
$$;
