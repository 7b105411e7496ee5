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
begin
  perform ablo.participant_check(p_organization, p_participant);
  v_receipt := ablo.receipt_find(p_organization, p_participant, p_id);
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  return case when v_receipt.key is not null and ablo.key_covers(v_key, v_receipt.capability_id)
    and (v_receipt.participant = p_participant or not p_own and ablo_model.sees(null, null, null, null))
    then ablo.commit_record(v_receipt) end;
end
$$;
