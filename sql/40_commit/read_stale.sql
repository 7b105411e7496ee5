create or replace function ablo.read_stale(
  p_organization text,
  p_read jsonb,
  p_operations jsonb,
  p_before bigint,
  p_changes boolean,
  out sync_id bigint,
  out actor text,
  out "row" json,
  out row_id text,
  out changed jsonb
)
language plpgsql volatile
as $$
  -- The newest delta that breaks one premise of a commit, or nothing; for a group or a filter also which rows
  -- have changed, if p_changes requests it. Writes by the holder of a row's claim since the grant do not break
  -- its premise about that row (ablo.claims: recorded by ablo.claim_guard), unless the premise has own = true.
  -- Called by: ablo.reads_stale, under the order lock. p_before: newer deltas in the log are the commit's own.
  -- Raises: server_execute_unknown_model, invalid_request, stale_context (too long ago to be checked).
declare
  v_model text := ablo_model.resolve(p_read ->> 'model');
  v_group text := p_read ->> 'group';
  v_own bigint;
begin
  if v_group is not null then
    select g.sync_id, g.actor, g.changed into sync_id, actor, changed
      from ablo.group_stale(p_organization, v_group, p_read -> 'readAt', p_before, p_changes) g;
    return;
  elsif v_model is null then
    perform ablo.model_unknown(p_read ->> 'model');
  elsif p_read ? 'where' then
    select f.sync_id, f.actor, f.row_id, f.changed into sync_id, actor, row_id, changed
      from ablo.filter_stale(p_organization, v_model, p_read, p_before, p_changes) f;
    return;
  end if;
  row_id := ablo.row_id((select m.id_type from ablo.model m where m.typename = v_model), p_read ->> 'id');
  if row_id is null then
    perform ablo.raise_error('invalid_request', format('a premise on %s names no id', p_read ->> 'model'),
      'pass {"model", "id", "readAt"}, {"model", "where", "readAt"}, or {"group", "readAt"}', '{"field": "reads"}');
  elsif p_read -> 'absent' = 'true' then
    select d.sync_id, d.actor into sync_id, actor
      from ablo.row_present(p_organization, v_model, row_id, p_operations, p_before) d;
  else
    if p_read -> 'own' is distinct from 'true' then
      v_own := nullif(current_setting('ablo.claims', true), '')::jsonb -> (v_model || ':' || row_id) ->> 1;
    end if;
    select d.sync_id, d.actor, d."row" into sync_id, actor, "row"
      from ablo.premise_stale(p_organization, v_model, row_id, p_read -> 'readAt', nullif(p_read -> 'fields', 'null'), p_before,
                              case when v_own is not null then current_setting('app.current_participant_id', true) end, v_own) d;
  end if;
end
$$;
