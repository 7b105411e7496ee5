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
  -- format looks up three types; json_build_object would do so for each key and value.
  v_receipt json := format('{"object" : "commit_receipt", "clientTxId" : %s, "serverTxId" : "stx_%s_%s", "createdAt" : "%s", '
    '"statusAt" : "%4$s", "success" : true, "ops" : %s, "status" : "confirmed", "lastSyncId" : %s}',
    to_json(p_key), pg_current_xact_id(), case when p_applied > 0 then p_sync_id else nextval('ablo.sync_id') end,
    to_char(p_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), p_applied, p_sync_id);
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
