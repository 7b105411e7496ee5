-- The newest delta that breaks a premise about one row, or nothing. p_fields: only a change of one of
-- them counts (an insert or delete always does). p_before: what is newer is the commit's own.
-- One probe of delta_row_idx.
-- Called by: ablo.premise_check, ablo.operation_notification. Exact under the order lock, or under the
-- row's own lock. Raises: invalid_request for a read position that was never handed out,
-- unknown_field.
create or replace function ablo.premise_stale(
  p_organization text,
  p_model text,
  p_row_id text,
  p_read_at jsonb,
  p_fields jsonb,
  p_before bigint default 9223372036854775807,
  out sync_id bigint,
  out actor text,
  out "row" json
)
language plpgsql stable
as $$
declare
  v_read_at bigint := ablo.read_position(p_read_at, p_model);
  v_fields text[] := case when p_fields is not null then ablo.premise_fields(p_model, p_fields) end;
begin
  select d.sync_id, d.actor, d."row" into sync_id, actor, "row"
    from ablo.delta d
   where d.organization_id = p_organization and d.model = p_model
     and (d.row_id, d.sync_id) > (p_row_id, v_read_at) and (d.row_id, d.sync_id) <= (p_row_id, p_before)
     and (v_fields is null or d.changed is null or d.changed && v_fields)
   order by d.row_id desc, d.sync_id desc
   limit 1;
end
$$;
