create or replace function ablo.key_covers(p_key ablo.key_rights, p_capability_id text) returns boolean
language plpgsql stable
as $$
  -- Whether a key has all rights of another one of its organization: then it sees the other's receipts and
  -- tracks. Null stands for a caller without limits, as a key and as the other's id.
  -- Called by: the routines on receipts and tracks. One probe by id, and none for a key without limits.
begin
  if p_key.operations is null and p_key.sync_groups is null or p_key.id = p_capability_id then
    return true;
  end if;
  return exists (
      select from ablo.api_key k
       where k.id = p_capability_id and k.organization_id = p_key.organization_id
         and ablo.operations_within(k.operations, p_key.operations)
         and (p_key.sync_groups is null or ablo.key_reach(k) <@ p_key.sync_groups));
end
$$;
