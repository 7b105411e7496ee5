-- Claims of the organization, as they stand now: {"claims": [...], "queue": [...]}. With a model and an
-- id: the row's holders and its wait line in order. Otherwise holders only, at most 500.
-- p_filter: {participant?, field?}. Called by: clients (state, queue). Waits for nothing; reads claim_target_idx.
create or replace function ablo.claim_list(
  p_organization text, p_participant text, p_model text default null, p_id text default null, p_filter jsonb default '{}'
) returns json
language plpgsql stable security definer
set search_path = ''
as $$
declare
  v_typename text;
  v_claims jsonb;
  v_queue jsonb;
begin
  perform ablo.identity_set(p_organization, p_participant);
  if p_model is not null then
    v_typename := (ablo.read_model(p_organization, p_participant, p_model)).typename;
  end if;
  select coalesce(jsonb_agg(x.j order by x.ticket) filter (where x.status = 'active'), '[]'),
         coalesce(jsonb_agg(x.j order by x.ticket) filter (where x.status = 'queued' and p_id is not null), '[]')
    into v_claims, v_queue
    from (select c.status, c.ticket, ablo.claim_json(c) as j
            from ablo.claim c
           where c.organization_id = p_organization
             and c.status in ('active', 'queued') and c.expires_at > clock_timestamp()
             and (v_typename is null or c.model = v_typename)
             and (p_id is null or c.row_id = p_id)
             and (p_filter ->> 'participant' is null or c.participant = p_filter ->> 'participant')
             and (p_filter ->> 'field' is null or c.fields is null or lower(p_filter ->> 'field') = any (c.fields))
           order by c.ticket limit 500) x;
  return jsonb_build_object('claims', v_claims, 'queue', v_queue);
end
$$;
