create or replace function ablo.commit_deltas(p_receipt ablo.receipt) returns setof ablo.delta
language plpgsql stable
as $$
  -- What a stored commit changed, in order. A batch puts several commits into one transaction: the deltas after the
  -- participant's previous commit belong to this one.
  -- Called by: ablo.commit_record, ablo.undo_chosen. Reads at most 1000 deltas.
declare
  v_xid xid8 := split_part(p_receipt.response ->> 'serverTxId', '_', 2)::xid8;
  v_from bigint := coalesce((
    select r.sync_id from ablo.receipt r
     where r.organization_id = p_receipt.organization_id and r.participant = p_receipt.participant
       and r.created_at between p_receipt.created_at - interval '1 minute' and p_receipt.created_at
       and r.sync_id < p_receipt.sync_id
     order by r.created_at desc, r.sync_id desc limit 1), 0);
begin
  if (p_receipt.response ->> 'ops')::int > 0 then
    return query
      select d.* from (
        select * from ablo.delta d
         where d.organization_id = p_receipt.organization_id
           and d.sync_id > v_from and d.sync_id <= p_receipt.sync_id
         order by d.sync_id desc limit 1000) d
       where d.xid = v_xid and d.actor = p_receipt.participant
       order by d.sync_id;
  end if;
end
$$;
