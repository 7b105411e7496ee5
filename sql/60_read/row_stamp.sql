create or replace function ablo.row_stamp(p_organization text, p_model text, p_id text) returns bigint
language plpgsql stable
as $$
  -- The stamp of a row: the id of its last delta, else the organization's watermark.
  -- Called by: the read routines, whose snapshot it shares. One probe of delta_row_idx.
begin
  return coalesce(
    (select d.sync_id from ablo.delta d
      where d.organization_id = p_organization and d.model = p_model
        and (d.row_id, d.sync_id) > (p_id, 0) and (d.row_id, d.sync_id) <= (p_id, 9223372036854775807)
      order by d.row_id desc, d.sync_id desc
      limit 1),
    ablo.log_head(p_organization));
end
$$;
