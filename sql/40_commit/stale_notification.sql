create or replace function ablo.stale_notification(
  p_about jsonb, p_read_at jsonb, p_sync_id bigint, p_actor text
) returns jsonb
language sql stable
as $$
  -- A notification: something that was read has changed. p_about: its scope and subject.
  -- Called by: ablo.reads_stale, ablo.track_judge. For an absence, which has no readAt, that is the current
  -- position.
  select p_about || jsonb_build_object('object', 'stale_notification',
    'readAt', coalesce(nullif(p_read_at, 'null'), to_jsonb(p_sync_id)), 'observedSyncId', p_sync_id,
    'writtenBy', ablo.actor_json(p_actor))
$$;
