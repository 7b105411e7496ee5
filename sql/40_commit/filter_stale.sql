create or replace function ablo.filter_stale(
  p_organization text,
  p_model text,
  p_read jsonb,
  p_before bigint,
  p_changes boolean,
  out sync_id bigint,
  out actor text,
  out row_id text,
  out changed jsonb
)
language plpgsql volatile
as $$
  -- The newest delta that breaks the premise "what this filter lists has not changed", or nothing: since the read
  -- it changed or ended a row that was on the list (ids), or left behind one that now matches the filter
  -- (created, moved in, or beyond the page's end: that counts too). Exact, under the order lock: every committed
  -- change is in the log once, in commit order, with the whole row, so a row that has changed since the read is
  -- as in its last delta up to p_before, and one without such a delta has not changed. The table is not read:
  -- there this commit's own writes are done already, and would hide, or pass for, those of others. p_changes:
  -- also count and name the rows.
  -- Called by: ablo.read_stale. Walks back from the newest by primary key, at most ablo.walk_limit() deltas. A
  -- row from before a field had its current type counts as a match. Raises: see ablo.filter_match; stale_context,
  -- invalid_request, model_not_tenant_scoped.
declare
  v_model ablo.model;
  v_read_at bigint := ablo.read_position(p_read -> 'readAt', p_model);
  v_ids text[] := ablo.filter_ids(p_read -> 'ids');
  v_match text;
  v_key ablo.key_rights := ablo.key_acting();
  v_from constant text := 'from ablo.delta d
    where d.organization_id = $1 and d.sync_id > $2 and d.sync_id <= $3 and d.model = $4
      and (ablo_model.sees(d.model, null, null, null) or (ablo.delta_seen($6, d)).sync_id is not null)
      and (d.row_id = any ($5) or d.op <> ''D'' and coalesce(%s, false)
        and (select true from ablo.delta n where n.organization_id = $1 and n.model = $4 and n.sync_id > $2
                and (n.row_id, n.sync_id) > (d.row_id, d.sync_id) and (n.row_id, n.sync_id) <= (d.row_id, $3)
              order by n.row_id, n.sync_id limit 1) is null)';  -- `exists` takes a bitmap of all that follow on 15
begin
  select * into v_model from ablo.model m where m.typename = p_model;
  if v_model.tenancy not in ('column', 'parent') then
    perform ablo.raise_error('model_not_tenant_scoped', format('changes of %s are not in the log', v_model.key),
      'remove it from the reads', jsonb_build_object('model', v_model.key));
  end if;
  if v_model.id_type <> 'text' then
    v_ids := array(select ablo.row_id(v_model.id_type, i) from unnest(v_ids) i);
  end if;
  v_match := ablo.filter_match(v_model, p_read);
  perform ablo.walk_check(p_organization, v_read_at, p_before, p_model);
  begin
    execute format('select d.sync_id, d.actor, d.row_id ' || v_from || ' order by d.sync_id desc limit 1', v_match)
      into sync_id, actor, row_id using p_organization, v_read_at, p_before, p_model, v_ids, v_key;
  exception when data_exception then
    v_match := 'true';
    execute format('select d.sync_id, d.actor, d.row_id ' || v_from || ' order by d.sync_id desc limit 1', v_match)
      into sync_id, actor, row_id using p_organization, v_read_at, p_before, p_model, v_ids, v_key;
  end;
  if sync_id is not null and p_changes then
    execute format('select ablo.changed_json(array_agg(distinct array[d.model, d.row_id])) ' || v_from, v_match)
      into changed using p_organization, v_read_at, p_before, p_model, v_ids, v_key;
  end if;
end
$$;
