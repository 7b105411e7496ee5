create or replace function ablo.row_stamps(p_organization text, p_model text, p_ids text[], p_head bigint) returns json
language plpgsql stable
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
  -- The evidence of listed rows, in their order: [{"id", "stamp"}]; a stamp is as ablo.row_stamp has it.
  -- p_head: the organization's watermark in the caller's snapshot.
  -- Called by: ablo.row_list. A statement of its own, since its plan is kept; the list's is made at each call.
declare
  v_floor bigint := ablo.log_floor();
  -- No visible delta is above it, since it is read after the snapshot was taken: partitions above are not opened.
  v_last bigint := pg_sequence_last_value('ablo.sync_id'::regclass);
  v_before bigint := ablo.stamp_before(p_head, v_floor);
begin
  return coalesce((
    select json_agg(json_build_object('id', u.id, 'stamp', coalesce((
        select d.sync_id from ablo.delta d
         where d.organization_id = p_organization and d.model = p_model and d.sync_id > v_floor
           and d.sync_id <= v_last and (d.row_id, d.sync_id) > (u.id, v_floor) and (d.row_id, d.sync_id) <= (u.id, v_last)
         order by d.row_id desc, d.sync_id desc limit 1), v_before)))
      from unnest(p_ids) u (id)), '[]');
end
$$;
