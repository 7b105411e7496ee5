-- Ask for a claim on a row: granted at once, or a place in the wait line.
-- p_request: {claimId?, fields?, description?, ttl?, queue? (true), maxDepth?, meta?}. Answers the claim
-- (ablo.claim_json); one that was granted comes with {"row", "stamp"} as of the grant.
-- Within one participant a claim is re-entrant: the same claim comes back, its lease extended.
-- Called by: clients. Locks: the target's claims, then the row. Raises: claim_conflict (queue false and
-- somebody has it), queue_too_deep, quota_exceeded, claim_lost, duration_invalid, server_execute_unknown_model.
create or replace function ablo.claim_acquire(
  p_organization text,
  p_participant text,
  p_model text,
  p_id text,
  p_request jsonb default '{}',
  p_on_behalf_of text default null,
  p_capability_id text default null
) returns json
language plpgsql volatile security definer
set search_path = ''
as $$
declare
  v_model ablo.model := ablo.read_model(p_organization, p_participant, p_model);
  v_fields text[] := ablo.claim_fields(p_request);
  v_ttl interval := ablo.ttl_interval(p_request -> 'ttl');
  v_claim ablo.claim;
  v_depth int;
begin
  perform ablo.claim_target_lock(p_organization, v_model.typename, p_id);
  perform ablo.claim_advance(p_organization, v_model.typename, p_id);

  select * into v_claim from ablo.claim c
   where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id
     and c.status in ('active', 'queued') and c.participant = p_participant
     and (c.fields is null or c.fields @> v_fields or c.id = p_request ->> 'claimId')
   order by c.status, c.ticket limit 1;
  if v_claim.id is not null then
    return ablo.claim_extend(v_claim, v_ttl);
  end if;

  perform ablo.claim_quota(p_organization, p_participant);
  insert into ablo.claim (organization_id, id, model, row_id, fields, participant, on_behalf_of, capability_id,
                          description, meta, status, ticket, ttl, expires_at, created_at)
  values (p_organization, coalesce(p_request ->> 'claimId', 'clm_' || gen_random_uuid()), v_model.typename, p_id,
          v_fields, p_participant, p_on_behalf_of, p_capability_id,
          left(coalesce(p_request ->> 'description', p_request ->> 'action', 'editing'), 1000),
          nullif(p_request -> 'meta', 'null'), 'queued', nextval('ablo.claim_ticket'), v_ttl,
          clock_timestamp() + v_ttl, clock_timestamp())
  returning * into v_claim;
  perform ablo.claim_advance(p_organization, v_model.typename, p_id);
  select * into v_claim from ablo.claim c where c.organization_id = p_organization and c.id = v_claim.id;

  if v_claim.status = 'queued' then
    v_depth := (ablo.claim_json(v_claim) ->> 'position')::int;
    if coalesce(p_request ->> 'queue', 'true') = 'false' then
      perform ablo.claim_refuse(v_model, p_id, v_fields, p_participant, 'claim_conflict');
    elsif v_depth >= least(coalesce((p_request ->> 'maxDepth')::int, 1000), 1000) then
      perform ablo.raise_error('queue_too_deep',
        format('%s %s already has %s waiting', v_model.key, left(p_id, 80), v_depth),
        'try again later, or allow a longer line with max_queue_depth=',
        jsonb_build_object('model', v_model.key, 'id', p_id, 'depth', v_depth));
    end if;
  end if;
  return ablo.claim_answer(v_claim);
end
$$;
