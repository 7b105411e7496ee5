create or replace function ablo.key_insert(p_key ablo.api_key, p_request jsonb) returns ablo.api_key
language plpgsql volatile
as $$
  -- Store a key. p_request: {hash, display, label?, userMeta?}; the rest has been decided by the caller.
  -- Called by: ablo.key_create, ablo.key_mint, ablo.key_rotate. Raises: invalid_request.
declare
  v_meta jsonb := coalesce(nullif(p_request -> 'userMeta', 'null'), '{}');
  v_wrong text := case
    when coalesce(p_request ->> 'hash', '') !~ '^[0-9a-f]{64}$' then 'hash'
    when not starts_with(coalesce(p_request ->> 'display', ''), p_key.prefix || '_')
      or length(p_request ->> 'display') > 12 then 'display'
    when length(p_request ->> 'label') > 200 then 'label'
    when jsonb_typeof(v_meta) <> 'object' or octet_length(v_meta::text) > 16384 then 'userMeta'
    when octet_length(p_key.organization_id) not between 1 and 512 then 'organization'
    when octet_length(p_key.participant) > 512 or not ablo.text_fits(p_key.participant) then 'participantId' end;
begin
  if v_wrong is not null then
    perform ablo.raise_error('invalid_request', format('%s of the key is missing, too long, or of the wrong type', v_wrong),
      'hash: SHA-256 in hexadecimal; display: the first 12 characters, of the same kind as the key; label: up to 200 characters; '
        || 'userMeta: an object of up to 16 KiB; organization and participant: up to 512 bytes, without control characters',
      jsonb_build_object('field', v_wrong));
  end if;
  insert into ablo.api_key as k (id, key_hash, prefix, display, organization_id, participant, parent_id,
                                 rotated_from, operations,
                                 scopes, sync_groups, user_meta, label, created_at, expires_at)
  values (case when p_key.parent_id is null then 'key_' else 'cap_' end || gen_random_uuid(), p_request ->> 'hash',
          p_key.prefix, p_request ->> 'display', p_key.organization_id, p_key.participant, p_key.parent_id,
          p_key.rotated_from,          p_key.operations, coalesce(p_key.scopes, '{}'), p_key.sync_groups, v_meta, p_request ->> 'label',
          clock_timestamp(), p_key.expires_at)
  returning * into p_key;
  return p_key;
end
$$;
