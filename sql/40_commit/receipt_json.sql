-- A receipt as clients get it; optional keys are left out, never null. The text is stored and
-- replayed verbatim. Written as text: building it through jsonb costs more than the order lock.
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
begin
  return '{"object":"commit_receipt","clientTxId":' || to_json(p_key)::text
    || ',"serverTxId":"stx_' || pg_current_xact_id() || '_'
    || case when p_applied > 0 then p_sync_id else nextval('ablo.sync_id') end
    || '","createdAt":"' || v_at || '","statusAt":"' || v_at || '","success":true,"ops":' || p_applied
    || ',"status":"confirmed","lastSyncId":' || p_sync_id
    || coalesce(',"notifications":' || p_notifications::text, '')
    || coalesce(',"missingIds":' || to_json(p_missing)::text, '') || '}';
end
$$;
