create or replace function ablo.claim_row_deleted(p_claim ablo.claim) returns boolean
language plpgsql stable
set plan_cache_mode = force_generic_plan
as $$
  -- Whether the row of a granted claim was deleted since the grant, which ended the claim; for its holder it was, too,
  -- if it left what the holder may read. Changes of this transaction do not count: the holder may continue in the
  -- commit that makes them, and others may not make one to end the claim.
  -- Called by: whatever asks who holds a row. One probe of delta_row_idx, from the claim's stamp on. A plan for the
  -- values at hand looks cheaper to Postgres, which would make one at each call.
declare
  v_last bigint := pg_sequence_last_value('ablo.sync_id'::regclass);  -- as in ablo.row_stamp
begin
  return exists (
    select from ablo.delta d
     where d.organization_id = p_claim.organization_id and d.model = p_claim.model
       and d.sync_id > p_claim.read_at and d.sync_id <= v_last  -- other partitions are not opened
       and (d.row_id, d.sync_id) > (p_claim.row_id, p_claim.read_at)
       and (d.row_id, d.sync_id) <= (p_claim.row_id, v_last)
       and (d.op = 'D' or not ablo_model.sees(d.model, d."row", null, p_claim.participant))
       and d.xid <> pg_current_xact_id());
end
$$;
