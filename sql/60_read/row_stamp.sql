create or replace function ablo.row_stamp(p_organization text, p_model text, p_id text) returns bigint
language plpgsql stable
as $$
  -- The stamp of a row, as a premise "unchanged since": the id of its last delta, if the newest partitions of the
  -- log have it (ablo.log_floor); else ablo.stamp_before, up to which it had its last change.
  -- Called by: the read routines, whose snapshot it shares. One probe of delta_row_idx.
declare
  v_floor bigint := ablo.log_floor();
  -- No visible delta is above it, since it is read after the snapshot was taken: partitions above are not opened.
  v_last bigint := pg_sequence_last_value('ablo.sync_id'::regclass);
begin
  return coalesce(
    (select d.sync_id from ablo.delta d
      where d.organization_id = p_organization and d.model = p_model and d.sync_id > v_floor
        and d.sync_id <= v_last and (d.row_id, d.sync_id) > (p_id, v_floor) and (d.row_id, d.sync_id) <= (p_id, v_last)
      order by d.row_id desc, d.sync_id desc
      limit 1),
    ablo.stamp_before(ablo.log_head(p_organization), v_floor));
end
$$;
