create or replace function ablo.undo_chosen(p_organization text, p_participant text, p_choice jsonb, p_key ablo.key_rights)
returns table (model text, row_id text, sync_ids bigint[])
language plpgsql stable
set enable_sort = off  -- a generic plan does not know the limit, and would sort the whole log
set enable_bitmapscan = off
as $$
  -- The deltas that an undo is about, by row. p_choice: one of {"commit": key or serverTxId}, {"claim": id},
  -- {"actor": "kind:id"} and {"model", "id"}; the last two with {"after": sync id} or {"since": time}, which the
  -- claim may have, too.
  -- Called by: ablo.undo_plan. Reads at most 100,000 deltas, newest first.
  -- Raises: invalid_request, entity_not_found, commit_too_many_operations, snapshot_required.
declare
  v_most constant int := 100000;
  v_receipt ablo.receipt;
  v_claim text := p_choice ->> 'claim';
  v_typename text;
  v_row_id text;
  v_after bigint := p_choice ->> 'after';
  v_since timestamptz := p_choice ->> 'since';
  v_delta record;
  v_models text[] := '{}';
  v_rows text[] := '{}';
  v_ids bigint[] := '{}';
  v_walked int := 0;
begin
  if p_choice ? 'model' then
    v_typename := (ablo.read_model(p_choice ->> 'model')).typename;
    v_row_id := ablo.row_id((ablo.read_model(p_choice ->> 'model')).id_type, p_choice ->> 'id');
  elsif v_claim is not null then  -- its row, if it is known still
    select c.model, c.row_id into v_typename, v_row_id
      from (select c.model, c.row_id from ablo.claim c where c.organization_id = p_organization and c.id = v_claim
            union all
            select v.model, v.row_id from ablo.claim_event v where v.organization_id = p_organization and v.claim_id = v_claim) c
     limit 1;
  end if;
  if p_choice ? 'commit' then
    v_receipt := ablo.receipt_find(p_organization, p_participant, p_choice ->> 'commit');
    if v_receipt.key is null or not ablo.key_covers(p_key, v_receipt.capability_id) then
      perform ablo.raise_error('entity_not_found',
        format('there is no commit %s, or it is older than receipts are kept', left(p_choice ->> 'commit', 80)),
        'name a commit of the last day by its key (of your own) or its serverTxId; older changes by who made them and since when',
        '{"field": "commit"}');
    end if;
    select array_agg(d.model order by d.sync_id), array_agg(d.row_id order by d.sync_id), array_agg(d.sync_id order by d.sync_id)
      into v_models, v_rows, v_ids
      from ablo.commit_deltas(v_receipt) d;
  elsif v_after < (select s.dropped_through from ablo.log_state s) then
    perform ablo.raise_error('snapshot_required',
      format('position %s is older than the log, which is kept after %s', v_after, (select s.dropped_through from ablo.log_state s)),
      'undo from a later position', jsonb_build_object('field', 'since', 'at', v_after));
  elsif v_typename is not null then
    select array_agg(d.model order by d.sync_id), array_agg(d.row_id order by d.sync_id), array_agg(d.sync_id order by d.sync_id)
      into v_models, v_rows, v_ids
      from ablo.delta d
     where d.organization_id = p_organization and d.model = v_typename
       and (d.row_id, d.sync_id) > (v_row_id, coalesce(v_after, 0)) and (d.row_id, d.sync_id) <= (v_row_id, 9223372036854775807)
       and (v_since is null or d.created_at >= v_since)
       and (v_claim is null or d.claim_id = v_claim);
  else
    for v_delta in
      select d.model, d.row_id, d.sync_id, d.actor, d.claim_id, d.created_at from ablo.delta d
       where d.organization_id = p_organization and d.sync_id > coalesce(v_after, 0)
       order by d.sync_id desc
    loop
      exit when v_delta.created_at < v_since;
      v_walked := v_walked + 1;
      if v_walked > v_most then
        perform ablo.raise_error('commit_too_many_operations',
          format('the organization has made more than %s changes since then', v_most),
          'undo from a later position or time, or commit by commit', jsonb_build_object('field', 'since', 'limit', v_most));
      end if;
      if v_delta.actor = p_choice ->> 'actor' or v_delta.claim_id = v_claim then
        v_models := v_models || v_delta.model;
        v_rows := v_rows || v_delta.row_id;
        v_ids := v_ids || v_delta.sync_id;
      end if;
    end loop;
  end if;
  return query
    select u.m, u.r, array_agg(u.i order by u.i) from unnest(v_models, v_rows, v_ids) u(m, r, i) group by u.m, u.r;
end
$$;
