create or replace function ablo.claim_acquire(
  p_organization text,
  p_participant text,
  p_model text,
  p_id text,
  p_request jsonb default '{}',
  p_on_behalf_of text default null,
  p_capability_id text default null,
  p_key_id text default null
) returns json
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Request a claim on a row: granted at once, or a place in the wait queue. p_request: {claimId?, fields?,
  -- description?, ttl?, queue? (true), maxDepth?, meta?}; answers with ablo.claim_answer. Within one participant
  -- a claim is re-entrant: an own one that covers the request is returned, its lease restarted. p_key_id: the key
  -- behind the request, with which the claim ends (ablo.claim_end_keys).
  -- Called by: clients. Locks: the key, shared; the target's claims; then the row. Raises: claim_conflict (queue
  -- false and another participant holds it), queue_too_deep, quota_exceeded, claim_lost (claimId of an ended
  -- claim), duration_invalid, invalid_id, invalid_request, server_execute_unknown_model, apikey_revoked,
  -- apikey_expired.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_model ablo.model := ablo.claim_model(p_model, p_id);
  v_request jsonb := ablo.claim_request(p_request);
  v_description text := left(coalesce(nullif(v_request ->> 'description', ''), nullif(v_request ->> 'action', ''), 'editing'), 1000);
  v_fields text[] := ablo.claim_fields(v_request);
  v_parts text[] := case when v_fields is not null then ablo.parts_of(v_fields) end;
  v_ttl interval := ablo.ttl_interval(v_request -> 'ttl');
  v_claim ablo.claim;
  v_key ablo.key_rights;
  v_open boolean;
  v_token bigint;
  v_now timestamptz;
  v_done text;
  v_id text := coalesce(v_request ->> 'claimId', 'clm_' || gen_random_uuid());
begin
  p_id := ablo.row_id(v_model.id_type, p_id);
  if p_key_id is not null then
    perform from ablo.api_key k where k.id = p_key_id for share;
    perform ablo.key_by_id(k.organization_id, p_participant, k.id) from ablo.api_key k where k.id = p_key_id;
  end if;
  if p_capability_id is not null or not ablo_model.sees(v_model.typename, null, null, null) then
    v_key := ablo.key_check_claim(p_organization, p_participant, p_capability_id, v_model.typename, p_id);
  end if;
  v_token := ablo.claim_target_lock(p_organization, v_model.typename, p_id);
  v_open := v_token is null;
  if v_open then
    v_open := exists (select from ablo.claim c
                       where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id
                         and c.status in ('active', 'queued'));
  end if;
  if v_open then
    v_done := ablo.claim_advance(p_organization, v_model.typename, p_id, v_id);
    update ablo.claim c
       set key_id = coalesce(p_key_id, c.key_id),
           ttl = case when v_request ? 'ttl' then v_ttl else c.ttl end,
           expires_at = clock_timestamp() + case when v_request ? 'ttl' then v_ttl else c.ttl end
     where c.organization_id = p_organization and c.id = (
       select o.id from ablo.claim o
        where o.organization_id = p_organization and o.model = v_model.typename and o.row_id = p_id
          and o.status in ('active', 'queued') and o.expires_at > clock_timestamp() and o.participant = p_participant
          and (o.parts is null or o.parts @> v_parts)
        order by o.status, o.ticket limit 1)
    returning * into v_claim;
  end if;

  if v_claim.id is null then
    v_done := ablo.claim_quota(p_organization, p_participant);
    if not v_open then  -- it is granted as it is made, see ablo.claim_grant
      v_token := ablo.claim_token(p_organization, v_model.typename, p_id, v_token);
    end if;
    v_now := clock_timestamp();
    insert into ablo.claim (organization_id, id, model, row_id, fields, parts, participant, on_behalf_of, capability_id,
                            description, meta, status, ticket, ttl, expires_at, created_at, key_id, fence_token, granted_at, read_at)
    values (p_organization, v_id, v_model.typename, p_id, v_fields, v_parts, p_participant,
            p_on_behalf_of, p_capability_id, v_description, nullif(v_request -> 'meta', 'null'),
            case when v_token is null then 'queued' else 'active' end, nextval('ablo.claim_ticket'), v_ttl,
            v_now + v_ttl, v_now, p_key_id, v_token, case when v_token is not null then v_now end,
            case when v_token is not null then ablo.row_stamp(p_organization, v_model.typename, p_id) end)
    on conflict do nothing
    returning * into v_claim;
    if v_claim.id is null then
      perform ablo.claim_lost(p_organization, p_participant, v_id, v_key);
    end if;
    if v_open then
      v_done := ablo.claim_advance(p_organization, v_model.typename, p_id, v_id);
      select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = v_id;
    end if;
    if v_claim.status = 'queued' or v_token is not null then
      v_done := ablo.claim_event_note(v_claim);
    end if;
    if v_claim.ticket % 64 = 0 then
      perform ablo.claim_sweep(p_limit => 256);  -- writers clean up the table
    end if;
  end if;

  if v_claim.status = 'queued' then
    perform ablo.claim_queue_check(v_claim, v_request);
  end if;
  return ablo.identity_restore(v_found, ablo.claim_answer(v_claim, v_key, case when v_token is not null then v_claim.read_at end));
end
$$;
