-- Those of a commit's premises that no longer hold, as an array of conflicts. A premise under onStale
-- overwrite is not judged. p_before: what is newer in the log is the commit's own.
-- Called by: ablo.premise_check, under the order lock. A group premise walks the organization's deltas
-- back from the newest to its readAt by primary key. Raises: server_execute_unknown_model, invalid_request.
create or replace function ablo.reads_stale(p_organization text, p_reads jsonb, p_operations jsonb, p_before bigint)
returns jsonb
language plpgsql volatile
as $$
declare
  v_read jsonb;
  v_model text;
  v_group text;
  v_read_at bigint;
  v_stale record;
  v_conflicts jsonb := '[]';
begin
  for v_index in 0 .. jsonb_array_length(p_reads) - 1 loop
    v_read := p_reads -> v_index;
    v_group := v_read ->> 'group';
    continue when v_read ->> 'onStale' in ('overwrite', 'force');
    if v_group is not null then
      v_read_at := ablo.read_position(v_read -> 'readAt', v_group);
      if v_read_at < (select s.dropped_through from ablo.log_state s where s.singleton) then
        perform ablo.read_too_old(v_read_at, v_group);
      end if;
      select d.sync_id, d.actor into v_stale from ablo.delta d
       where d.organization_id = p_organization
         and d.sync_id > v_read_at and d.sync_id <= p_before
         and d.groups @> array[case when v_group = 'default' then 'org:' || p_organization else v_group end]
       order by d.sync_id desc limit 1;
    else
      v_model := ablo_model.resolve(v_read ->> 'model');
      if v_model is null then
        perform ablo.model_unknown(v_read ->> 'model');
      elsif v_read ->> 'id' is null then
        perform ablo.raise_error('invalid_request', format('premise %s on %s names no id', v_index, v_read ->> 'model'),
          'pass {"model", "id", "readAt"}, or {"group", "readAt"}', '{"field": "reads"}');
      end if;
      if v_read -> 'absent' = 'true' then
        select d.sync_id, d.actor into v_stale from ablo.row_present(p_organization, v_model, v_read ->> 'id', p_operations, p_before) d;
      else
        v_stale := ablo.premise_stale(p_organization, v_model, v_read ->> 'id', v_read -> 'readAt',
                                      nullif(v_read -> 'fields', 'null'), p_before);
      end if;
    end if;
    if v_stale.sync_id is not null then
      v_conflicts := v_conflicts || jsonb_strip_nulls(jsonb_build_object('model', v_read ->> 'model', 'id', v_read ->> 'id',
        'group', v_group, 'readAt', v_read -> 'readAt', 'observedSyncId', v_stale.sync_id,
        'writtenBy', ablo.actor_json(v_stale.actor)));
    end if;
  end loop;
  return v_conflicts;
end
$$;
