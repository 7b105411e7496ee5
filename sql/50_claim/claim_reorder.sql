create or replace function ablo.claim_reorder(
  p_organization text, p_participant text, p_model text, p_id text, p_order jsonb,
  p_capability_id text default null
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
  -- Move waiters to the head of a row's queue, in the given order; the others keep theirs. Privileged: for users,
  -- system participants and the row's holder; a waiting agent may not jump its queue. p_order: [claim id] or
  -- [{claimId}].
  -- Called by: clients. Locks: the target's claims. p_capability_id: a key that may claim the row. Raises:
  -- capability_scope_denied, permission_denied, claim_not_found, invalid_request.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_model ablo.model := ablo.claim_model(p_model, p_id);
  v_wanted text[];
  v_queue text[];
  v_unknown text;
begin
  p_id := ablo.row_id(v_model.id_type, p_id);
  if p_capability_id is not null or not ablo_model.sees(v_model.typename, null, null, null) then
    perform ablo.key_check_claim(p_organization, p_participant, p_capability_id, v_model.typename, p_id);
  end if;
  if jsonb_typeof(p_order) is distinct from 'array' or jsonb_array_length(p_order) > 1000 then
    perform ablo.raise_error('invalid_request', 'order is not a list of at most 1000 claim ids',
      'pass the ids of waiting claims, the next one first', '{"field": "order"}');
  end if;
  v_wanted := array(select coalesce(case when jsonb_typeof(e) = 'object' then e ->> 'claimId' end, e #>> '{}')
                      from jsonb_array_elements(p_order) e);
  perform ablo.claim_target_lock(p_organization, v_model.typename, p_id);
  perform ablo.claim_advance(p_organization, v_model.typename, p_id, null);
  if p_participant like 'agent:%' and not exists (
    select from ablo.claim c
     where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id
       and c.status = 'active' and c.participant = p_participant)
  then
    perform ablo.raise_error('permission_denied',
      format('%s does not hold %s %s', left(p_participant, 80), v_model.key, left(p_id, 80)),
      'let its holder, a user or a system participant reorder the queue', jsonb_build_object('model', v_model.key, 'id', p_id));
  end if;
  select array_agg(c.id order by array_position(v_wanted, c.id) nulls last, c.ticket) into v_queue
    from ablo.claim c
   where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id and c.status = 'queued';
  select w into v_unknown from unnest(v_wanted) w where w is null or w <> all (coalesce(v_queue, '{}')) limit 1;
  if found then
    perform ablo.raise_error('claim_not_found',
      format('claim %s is not waiting for %s %s', quote_nullable(left(v_unknown, 80)), v_model.key, left(p_id, 80)),
      'read the queue again and reorder what is in it', jsonb_build_object('claimId', left(v_unknown, 80)));
  end if;
  perform ablo.claim_deal(p_organization, v_queue);
  perform ablo.claim_advance(p_organization, v_model.typename, p_id, null);
  perform ablo.identity_restore(v_found, null::text);
end
$$;
