create or replace function ablo.claim_held(p_claim ablo.claim, p_key ablo.key_rights, p_renew boolean) returns json
language plpgsql stable
as $$
  -- The answer about a granted claim whose row has not changed since the grant, so that the grant's stamp is the
  -- row's; null if it has, if the lease is due (p_renew: a tenth of it has passed), or if the log is not kept as far
  -- back. One probe of delta_row_idx instead of those of ablo.claim_settled and ablo.row_stamp.
  -- Called by: ablo.claim_get. STABLE: what has changed and the row are of one snapshot.
declare
  v_last bigint := pg_sequence_last_value('ablo.sync_id'::regclass);  -- as in ablo.row_stamp
begin
  if p_claim.status = 'active' and ablo.claim_seen(p_key, p_claim)
    and p_claim.expires_at > clock_timestamp() + (case when p_renew then p_claim.ttl * 0.9 else interval '0' end)
  then
    if p_claim.read_at >= (select s.dropped_through from ablo.log_state s) and not exists (
      select from ablo.delta d
       where d.organization_id = p_claim.organization_id and d.model = p_claim.model
         and d.sync_id > p_claim.read_at and d.sync_id <= v_last  -- other partitions are not opened
         and (d.row_id, d.sync_id) > (p_claim.row_id, p_claim.read_at)
         and (d.row_id, d.sync_id) <= (p_claim.row_id, v_last))
    then
      return ablo.claim_answer(p_claim, p_key, p_claim.read_at);
    end if;
  end if;
  return null;
end
$$;
