create or replace function ablo.claim_list(
  p_organization text, p_participant text, p_model text default null, p_id text default null,
  p_filter jsonb default '{}', p_capability_id text default null
) returns json
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
set enable_sort = off
set jit = off
as $$
  -- Claims of the organization, as they are now: {"claims": [...], "queue": [...]}. With a model and an id the
  -- row's holders and its wait queue in order, each waiter with what is ahead of it; otherwise holders only. At
  -- most 500; of more, those of the first rows, by model and id. p_filter: {participant?, kind?, onBehalfOf?,
  -- capabilityId?, field?}. p_capability_id: only those that this key may know of. Claims are read in the index's
  -- order, without a sort, so that a full answer ends the search however many there are.
  -- Called by: clients (state, queue). Waits for nothing, changes nothing; reads claim_target_idx. Raises:
  -- server_execute_unknown_model.
declare
  v_found text := ablo.identity_set(p_organization, p_participant);
  v_model ablo.model;
  v_of_row boolean := p_model is not null and p_id is not null;
  v_claims jsonb;
  v_queue jsonb;
  v_waiting text[];  -- all of the row's, in order
  v_key ablo.key_rights;
begin
  v_key := ablo.key_of(p_organization, p_participant, p_capability_id);
  if p_model is not null then
    v_model := ablo.read_model(p_model);
    p_id := ablo.row_id(v_model.id_type, p_id);
  end if;
  if v_of_row then
    v_waiting := array(select c.id from ablo.claim c
                        where c.organization_id = p_organization and c.model = v_model.typename and c.row_id = p_id
                          and c.status = 'queued' and c.expires_at > clock_timestamp()
                        order by c.ticket);
  end if;
  select jsonb_agg(ablo.claim_json(x) order by x.ticket) filter (where x.status = 'active'),
         jsonb_agg(ablo.claim_json(x, array_position(v_waiting, x.id) - 1)::jsonb
                   || jsonb_build_object('blockedBy', coalesce(ablo.claim_blockers(x), '[]'))
                   order by x.ticket) filter (where x.status = 'queued')
    into v_claims, v_queue
    from (select * from ablo.claim c
           where c.organization_id = p_organization
             and (c.status = 'active' or v_of_row and c.status = 'queued') and c.status in ('active', 'queued')
             and c.expires_at > clock_timestamp()
             and (v_model.typename is null or c.model = v_model.typename)
             and (p_id is null or c.row_id = p_id)
             and (p_filter ->> 'participant' is null or c.participant = p_filter ->> 'participant')
             and (p_filter ->> 'kind' is null or split_part(c.participant, ':', 1) = p_filter ->> 'kind')
             and (p_filter ->> 'onBehalfOf' is null or c.on_behalf_of = p_filter ->> 'onBehalfOf')
             and (p_filter ->> 'capabilityId' is null or c.capability_id = p_filter ->> 'capabilityId')
             and (p_filter ->> 'field' is null or c.parts is null or lower(p_filter ->> 'field') = any (c.parts))
             and not (c.status = 'active' and ablo.claim_row_deleted(c))
             and ablo.claim_seen(v_key, c)
           order by c.model, c.row_id, c.status, c.ticket limit 500) x;
  return ablo.identity_restore(v_found, jsonb_build_object('claims', coalesce(v_claims, '[]'), 'queue', coalesce(v_queue, '[]'))::json);
end
$$;
