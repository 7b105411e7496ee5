create or replace function ablo.commit_get(
  p_organization text, p_participant text, p_id text, p_own boolean default false, p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  -- One commit of the organization, by its key (the caller's own) or its serverTxId: ablo.commit_record, or null.
  -- Receipts are kept for a day.
  -- Called by: clients that ask for a commit's outcome. Locks: none. p_own: only the participant's own, for
  -- callers that may not read all of the organization; p_capability_id: only commits made with a key without more
  -- rights than this one. If a model limits reading, only the
  -- participant's own, as in ablo.commit_list. Raises: identity_missing_organization, invalid_participant_kind.
declare
  v_receipt ablo.receipt;
  v_key ablo.key_rights;
  v_sync_id text := substring(p_id from '^stx_\d{1,18}_(\d{1,18})$');
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  select * into v_receipt from ablo.receipt r
   where r.organization_id = p_organization and r.participant = p_participant and r.key = p_id;
  if not found and v_sync_id is not null then
    -- Its time is known from its deltas, and receipts are found by time.
    select r.* into v_receipt
      from ablo.delta d
      join ablo.receipt r on r.organization_id = d.organization_id and r.sync_id = d.sync_id
       and r.created_at between d.created_at - interval '1 minute' and d.created_at + interval '1 minute'
     where d.organization_id = p_organization and d.sync_id = v_sync_id::bigint
       and r.response ->> 'serverTxId' = p_id
       and (not p_own or r.participant = p_participant);
  end if;
  return case when v_receipt.key is not null and ablo.key_covers(v_key, v_receipt.capability_id)
    and (v_receipt.participant = p_participant or ablo_model.sees(null, null, null, null))
    then ablo.commit_record(v_receipt) end;
end
$$;
