create or replace function ablo.receipt_find(p_organization text, p_participant text, p_id text) returns ablo.receipt
language plpgsql stable
as $$
  -- The receipt of a commit, by its key (the participant's own) or its serverTxId; null if there is none, or none any
  -- more. The caller decides who may see it.
  -- Called by: ablo.commit_get, ablo.undo_chosen. Locks: none.
declare
  v_receipt ablo.receipt;
  v_sync_id text := substring(p_id from '^stx_\d{1,18}_(\d{1,18})$');
begin
  select * into v_receipt from ablo.receipt r
   where r.organization_id = p_organization and r.participant = p_participant and r.key = p_id;
  if not found and v_sync_id is not null then
    -- Its time is known from its deltas, and receipts are found by time.
    select r.* into v_receipt
      from ablo.delta d
      join ablo.receipt r on r.organization_id = d.organization_id and r.sync_id = d.sync_id
       and r.created_at between d.created_at - interval '1 minute' and d.created_at + interval '1 minute'
     where d.organization_id = p_organization and d.sync_id = v_sync_id::bigint
       and r.response ->> 'serverTxId' = p_id;
  end if;
  return v_receipt;
end
$$;
