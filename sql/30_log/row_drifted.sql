create or replace function ablo.row_drifted(
  p_typename text, p_table regclass, p_old jsonb, p_new jsonb, out row_json json, out changed text[], out before json)
language plpgsql stable
as $$
  -- A changed row of a table that lacks columns of its model, dropped or renamed by another
  -- migration: its JSON, the keys that changed, and what was before, without those fields. Its writers can continue,
  -- and the rest of the change is logged; ablo.drift_check names what is missing. p_old: null for a create; p_new:
  -- null for a delete.
  -- Called by: capture triggers, if the compiled expression fails. Locks: none.
declare
  v_object constant text := '(''{'' || array_to_string(array[%s]::text[], '', '') || ''}'')::json';
  v_pairs text;
  v_changed text;
begin
  select string_agg(p.pair, ', ' order by p.position), string_agg(p.pair, ', ' order by p.position) filter (where p.differs),
         array_agg(p.wire order by p.position) filter (where p.differs and p.wire <> 'updatedAt')
    into v_pairs, v_changed, changed
    from (select f.wire, f.position,
                 format('%L || coalesce(to_json(r.%I%s)::text, ''null'')', to_json(f.wire) || ' : ', f.column_name,
                   case when f.type in ('string', 'enum', 'decimal') then '::text' when f.type = 'datetime' then '::timestamptz' end) as pair,
                 f.wire not in ('id', 'organizationId')
                   and (f.wire = 'updatedAt' or p_old -> f.column_name is distinct from p_new -> f.column_name) as differs
            from ablo.field f
           where f.typename = p_typename and coalesce(p_new, p_old) ? f.column_name) p;
  if p_new is not null then
    execute format('select ' || v_object || ' from jsonb_populate_record(null::%s, $1) r', v_pairs, p_table)
      into row_json using p_new;
  end if;
  if p_old is null then
    changed := null;
  else
    execute format('select ' || v_object || ' from jsonb_populate_record(null::%s, $1) r',
      case when p_new is null then v_pairs else v_changed end, p_table) into before using p_old;
    changed := case when p_new is not null then array['updatedAt'] || coalesce(changed, '{}') end;
  end if;
end
$$;
