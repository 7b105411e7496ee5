create or replace function ablo.reads_stale(
  p_organization text,
  p_reads jsonb,
  p_operations jsonb,
  p_before bigint,
  out conflicts jsonb,
  out notifications jsonb,
  out held boolean
)
language plpgsql volatile
as $$
  -- Check a commit's premises: those that no longer hold, as conflicts, and, under onStale = notify, as
  -- notifications: no operation of the commit lands. Under flag they are notifications of a commit that lands.
  -- Under overwrite they are not checked. p_before: newer deltas in the log are the commit's own.
  -- Called by: ablo.premise_check, under the order lock. Raises: invalid_request and the errors of
  -- ablo.read_stale.
declare
  v_read jsonb;
  v_word text;
  v_stale record;
begin
  conflicts := '[]';
  held := false;
  for v_index in 0 .. jsonb_array_length(p_reads) - 1 loop
    v_read := p_reads -> v_index;
    v_word := ablo.stale_disposition(coalesce(v_read ->> 'onStale', 'reject'), v_read ->> 'model', null);
    continue when v_word = 'overwrite';
    v_stale := ablo.read_stale(p_organization, v_read, p_operations, p_before, v_word <> 'reject');
    continue when v_stale.sync_id is null;
    if v_word <> 'reject' then
      held := held or v_word = 'notify';
      notifications := coalesce(notifications, '[]') || ablo.stale_notification(
        case when v_read ->> 'group' is not null
          then jsonb_build_object('scope', 'group', 'group', v_read -> 'group', 'changed', v_stale.changed)
        when v_read ? 'where'
          then jsonb_build_object('scope', 'filter', 'target', jsonb_build_object('model', v_read -> 'model', 'where', v_read -> 'where'),
            'changed', v_stale.changed)
        else jsonb_build_object('scope', 'row', 'currentValues', coalesce(v_stale."row"::jsonb, '{}'), 'target', jsonb_strip_nulls(
          jsonb_build_object('model', v_read -> 'model', 'id', v_read -> 'id', 'fields', v_read -> 'fields'))) end,
        v_read -> 'readAt', v_stale.sync_id, v_stale.actor);
    else
      conflicts := conflicts || jsonb_strip_nulls(jsonb_build_object('model', v_read -> 'model', 'id', v_stale.row_id,
        'group', v_read -> 'group', 'where', v_read -> 'where', 'readAt', v_read -> 'readAt',
        'observedSyncId', v_stale.sync_id, 'writtenBy', ablo.actor_json(v_stale.actor)));
    end if;
  end loop;
end
$$;
