create or replace function ablo.audit_append(
  p_organization text,
  p_number bigint,
  p_first_sync_id bigint,
  p_last_sync_id bigint,
  p_delta_count bigint,
  p_key_id text,
  p_previous_mac bytea,
  p_fingerprints bytea,
  p_sealed_at timestamptz,
  p_mac bytea
) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  -- Append a seal, if it continues the organization's chain; false if not: another sealer was faster, so read the
  -- chain's end again and continue from there. Two concurrent sealers cannot fork a chain: both would write the
  -- same number, and the second waits for the first.
  -- Called by: ablo-pg audit seal. Locks: the primary key's, against sealers of the same organization only; none
  -- that a commit takes. Raises: invalid_request (malformed; the key is not mentioned).
declare
  v_end record;
begin
  if p_delta_count < 1 or p_last_sync_id - p_first_sync_id + 1 < p_delta_count
    or octet_length(p_fingerprints) <> 24 * p_delta_count or octet_length(p_mac) <> 32
  then
    perform ablo.raise_error('invalid_request', format('seal %s of %s is malformed', p_number, p_organization),
      'let ablo-pg audit seal write seals');
  end if;
  select s.number, s.last_sync_id, s.mac into v_end from ablo.audit_seal s
   where s.organization_id = p_organization
   order by s.number desc
   limit 1;
  if p_number <> coalesce(v_end.number, 0) + 1
    or p_previous_mac is distinct from v_end.mac
    or p_first_sync_id <= v_end.last_sync_id
  then
    return false;
  end if;
  insert into ablo.audit_seal (organization_id, number, first_sync_id, last_sync_id, delta_count, key_id,
                               previous_mac, fingerprints, sealed_at, mac)
  values (p_organization, p_number, p_first_sync_id, p_last_sync_id, p_delta_count, p_key_id,
          p_previous_mac, p_fingerprints, p_sealed_at, p_mac)
      on conflict (organization_id, number) do nothing;
  return found;
end
$$;
