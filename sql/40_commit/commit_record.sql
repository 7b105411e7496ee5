create or replace function ablo.commit_record(p_receipt ablo.receipt) returns json
language plpgsql stable
as $$
  -- A stored commit as its record: {participant, receipt, operations: [{action, model, id, transactionId?}],
  -- claims: [{id, model, rowId, fields?, fenceToken?}], attempts: [{at, transport}], reads}. attempts: the
  -- executed one, then those that got its receipt. The log's deltas list what was written, without values.
  -- Called by: ablo.commit_get, ablo.commit_list.
declare
  v_operations json;
  v_claims json;
  v_replays jsonb;
begin
  with own as (select d.* from ablo.commit_deltas(p_receipt) d)
  select json_agg(json_strip_nulls(json_build_object('model', m.key, 'id', o.row_id, 'op', o.op,
                    'transactionId', o.transaction_id)) order by o.sync_id),
         (select json_agg(distinct jsonb_strip_nulls(jsonb_build_object('id', c.id, 'model', k.key,
                    'rowId', c.row_id, 'fields', to_jsonb(c.fields), 'fenceToken', c.fence_token)))
            from ablo.claim c join ablo.model k on k.typename = c.model
           where c.organization_id = p_receipt.organization_id and c.id in (select w.claim_id from own w))
    into v_operations, v_claims
    from own o join ablo.model m on m.typename = o.model;
  select jsonb_agg(jsonb_build_object('at', r.replayed_at, 'transport', r.transport) order by r.replayed_at)
    into v_replays
    from ablo.receipt_replay r
   where r.organization_id = p_receipt.organization_id and r.participant = p_receipt.participant and r.key = p_receipt.key
     and r.replayed_at >= p_receipt.created_at;
  return json_build_object('participant', p_receipt.participant, 'receipt', p_receipt.response,
    'operations', coalesce(v_operations, '[]'), 'claims', coalesce(v_claims, '[]'),
    'attempts', jsonb_build_array(jsonb_build_object('at', p_receipt.created_at, 'transport', p_receipt.transport))
                || coalesce(v_replays, '[]'),
    'reads', coalesce(p_receipt.reads, '[]'));
end
$$;
