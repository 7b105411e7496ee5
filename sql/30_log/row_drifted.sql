create or replace function ablo.row_drifted(
  p_typename text, p_table regclass, p_old jsonb, p_new jsonb, out row_json json, out changed text[])
language plpgsql stable
as $$
  -- A changed row of a table that lacks columns of its model, dropped or renamed by another
  -- migration: its JSON, and the keys that changed, without those fields. Its writers can continue, and the rest
  -- of the change is logged; ablo.drift_check names what is missing. p_old: null for a create.
  -- Called by: capture triggers, if the compiled expression fails. Locks: none.
declare
  v_pairs text;
begin
  select string_agg(
      format('%L || coalesce(to_json(r.%I%s)::text, ''null'')', to_json(f.wire) || ' : ', f.column_name,
        case when f.type in ('string', 'enum', 'decimal') then '::text' when f.type = 'datetime' then '::timestamptz' end),
      ', ' order by f.position),
    case when p_old is not null then
      array['updatedAt'] || coalesce(array_agg(f.wire order by f.position) filter (
        where f.wire not in ('id', 'updatedAt', 'organizationId') and p_old -> f.column_name is distinct from p_new -> f.column_name), '{}')
    end
    into v_pairs, changed
    from ablo.field f
   where f.typename = p_typename and p_new ? f.column_name;
  execute format('select (''{'' || array_to_string(array[%s], '', '') || ''}'')::json from jsonb_populate_record(null::%s, $1) r', v_pairs, p_table)
    into row_json using p_new;
end
$$;
