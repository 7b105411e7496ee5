-- The notification that stands in for an operation held back by onStale = notify, or null when the
-- operation is not stale. Locks the row first: from then on nobody else can move it.
-- p_before: the last sync id before this commit; what the commit itself has changed holds nothing back.
-- Called by: ablo.commit_apply.
create or replace function ablo.operation_notification(
  p_organization text,
  p_operation jsonb,
  p_model text,
  p_action text,
  p_id text,
  p_before bigint
) returns jsonb
language plpgsql volatile
as $$
declare
  v_stale record;
begin
  if p_action <> 'create' then
    perform ablo_model.lock(p_model, p_id);
  end if;
  v_stale := ablo.premise_stale(p_organization, p_model, p_id, p_operation -> 'readAt', null, p_before);
  if v_stale.sync_id is null then
    return null;
  end if;
  return jsonb_build_object(
    'object', 'stale_notification',
    'scope', 'row',
    'target', jsonb_build_object('model', p_operation ->> 'model', 'id', p_id),
    'readAt', p_operation -> 'readAt',
    'observedSyncId', v_stale.sync_id,
    'writtenBy', ablo.actor_json(v_stale.actor),
    'currentValues', coalesce(v_stale."row"::jsonb, '{}'));
end
$$;
