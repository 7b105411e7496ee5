create or replace function ablo.operation_refuse(p_operation jsonb, p_index int) returns void
language plpgsql stable
as $$
  -- Report what is wrong with an operation that cannot be dispatched.
  -- Called by: ablo.commit_apply. Raises: commit_operation_invalid, commit_operation_action_required,
  -- commit_operation_unsupported, commit_operation_model_required, server_execute_unknown_model, invalid_id.
declare
  v_where jsonb := jsonb_build_object('operation', p_index);
  v_action text := lower(p_operation ->> 'action');
begin
  if jsonb_typeof(p_operation) <> 'object' then
    perform ablo.raise_error('commit_operation_invalid',
      format('operation %s is a %s, not an object', p_index, jsonb_typeof(p_operation)),
      'pass {"action", "model", "id", "data"}', v_where);
  elsif v_action is null then
    perform ablo.raise_error('commit_operation_action_required', format('operation %s has no action', p_index),
      'pass create, update, delete, archive or unarchive', v_where || '{"field": "action"}');
  elsif v_action not in ('create', 'update', 'delete', 'archive', 'unarchive') then
    perform ablo.raise_error('commit_operation_unsupported',
      format('operation %s: there is no action %L', p_index, left(v_action, 40)),
      'pass create, update, delete, archive or unarchive', v_where || '{"field": "action"}');
  elsif p_operation ->> 'model' is null then
    perform ablo.raise_error('commit_operation_model_required', format('operation %s names no model', p_index),
      'pass the schema key of the model', v_where || '{"field": "model"}');
  elsif ablo_model.resolve(p_operation ->> 'model') is null then
    perform ablo.model_unknown(p_operation ->> 'model');
  else
    perform ablo.raise_error('invalid_id', format('operation %s on %s has no id', p_index, p_operation ->> 'model'),
      'the client chooses the id: a UUID, or a number if the column holds numbers',
      v_where || jsonb_build_object('model', p_operation ->> 'model', 'field', 'id'));
  end if;
end
$$;
