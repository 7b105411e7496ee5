create or replace function ablo.row_without(p_row json, p_hidden text[]) returns json
language sql stable
as $$
  -- A row's JSON with null in place of the fields that its reader may not read (ablo_model.hidden); unchanged without
  -- such fields.
  -- Called by: ablo.row_shown, ablo.row_list, ablo.delta_seen.
  select case when p_hidden is null or p_row is null then p_row
    else (p_row::jsonb || (select jsonb_object_agg(h, null) from unnest(p_hidden) h))::json end
$$;
