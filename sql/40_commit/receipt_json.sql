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
  -- A receipt as clients get it; optional keys are omitted, never null. The text is stored and replayed verbatim.
  -- Called by: ablo.commit_run. serverTxId names the transaction and the last id drawn in it.
declare
  v_at text := to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
  v_transaction text := 'stx_' || pg_current_xact_id() || '_'
    || case when p_applied > 0 then p_sync_id else nextval('ablo.sync_id') end;
  v_receipt json := json_build_object('object', 'commit_receipt', 'clientTxId', p_key, 'serverTxId', v_transaction,
    'createdAt', v_at, 'statusAt', v_at, 'success', true, 'ops', p_applied, 'status', 'confirmed',
    'lastSyncId', p_sync_id);
begin
  if p_notifications is not null then
    v_receipt := v_receipt::jsonb || jsonb_build_object('notifications', p_notifications);
  end if;
  if p_missing is not null then
    v_receipt := v_receipt::jsonb || jsonb_build_object('missingIds', p_missing);
  end if;
  return v_receipt;
end
$$;
