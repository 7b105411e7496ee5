-- Apply the operations of a commit, in order. An operation that is stale under onStale = notify is
-- held back: its row is locked first, so what is found is still so at the commit point.
-- p_ordered: captures run with each statement, so this commit's own deltas are told apart by their ids.
-- Returns how many were applied, the notifications of those held, the ids that a delete missed, and
-- whether any operation says when its row was read.
-- Called by: ablo.commit_run. Locks: rows, as the operations touch them.
-- Raises: server_execute_unknown_model, commit_operation_*, entity_not_found, and what the model's
-- write function raises.
create or replace function ablo.commit_apply(
  p_organization text,
  p_participant text,
  p_request jsonb,
  p_ordered boolean,
  out applied int,
  out notifications jsonb,
  out missing text[],
  out guarded boolean
)
language plpgsql volatile
as $$
declare
  v_operations jsonb := p_request -> 'operations';
  v_transactions jsonb;
  v_operation jsonb;
  v_notification jsonb;
  v_action text;
  v_model text;
  v_id text;
  v_before bigint := 9223372036854775807;
begin
  applied := 0;
  guarded := false;
  if p_ordered then
    v_before := coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
  end if;
  for v_index in 0 .. jsonb_array_length(v_operations) - 1 loop
    v_operation := v_operations -> v_index;
    v_action := lower(v_operation ->> 'action');
    v_id := v_operation ->> 'id';
    v_model := ablo_model.resolve(v_operation ->> 'model');
    if v_model is null or v_id is null
      or v_action is null or v_action not in ('create', 'update', 'delete', 'archive', 'unarchive')
    then
      perform ablo.operation_refuse(v_operation, v_index);
    end if;
    if v_operation ->> 'transactionId' is not null then
      v_transactions := coalesce(v_transactions, '{}')
        || jsonb_build_object(v_model || ':' || v_id, v_operation ->> 'transactionId');
      perform set_config('ablo.transaction_ids', v_transactions::text, true);
    end if;
    guarded := guarded or v_operation ->> 'readAt' is not null;
    if v_operation ->> 'readAt' is not null
      and coalesce(v_operation ->> 'onStale', ablo_model.conflict(v_model, split_part(p_participant, ':', 1)))
        in ('notify', 'flag', 'merge')
    then
      v_notification := ablo.operation_notification(p_organization, v_operation, v_model, v_action, v_id, v_before);
      if v_notification is not null then
        notifications := coalesce(notifications, '[]') || v_notification;
        continue;
      end if;
    end if;
    if ablo_model.write(v_model, v_action, v_id, coalesce(nullif(v_operation -> 'data', 'null'), '{}')) then
      applied := applied + 1;
    elsif v_action = 'delete' then
      missing := missing || v_id;
    else
      perform ablo.raise_error('entity_not_found',
        format('%s %L does not exist', v_operation ->> 'model', left(v_id, 80)),
        'create it, or read it again: it may have been deleted',
        jsonb_build_object('model', v_operation ->> 'model', 'id', v_id, 'operation', v_index));
    end if;
  end loop;
end
$$;
