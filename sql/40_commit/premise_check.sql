create or replace function ablo.premise_check(
  p_organization text, p_participant text, p_request jsonb, p_before bigint, p_tracks boolean
) returns jsonb
language plpgsql volatile
as $$
  -- Check everything that a commit has read; one stale_context names everything that has changed. Premises: an
  -- operation's readAt (its row; onStale notify is handled when the operation is applied), in "reads": {model,
  -- id, readAt, fields?}, {model, where, readAt, ids?, archived?}, {group, readAt}, {model, id, absent: true};
  -- and, if p_tracks says that there are any, the participant's tracks. Returns the notifications of those under
  -- onStale = flag, or null; if one under notify has changed, no operation may land, and ablo.commit_hold returns
  -- the notifications. Under a held claim the holder's own changes since the grant do not make its operation
  -- stale (ablo.claims: recorded by ablo.claim_guard).
  -- Called by: ablo.commit_run, with the order lock held: up to p_before, it sees the organization's whole
  -- history before this commit's place in it. Raises: stale_context.
declare
  v_operations jsonb := coalesce(nullif(p_request -> 'operations', 'null'), '[]');
  v_reads jsonb := nullif(p_request -> 'reads', 'null');
  v_operation jsonb;
  v_own bigint;
  v_read_at bigint;
  v_last bigint := least(p_before, coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0));  -- a value: partitions above are not opened
  v_same boolean;
  v_model text;
  v_stale record;
  v_judged record;
  v_conflicts jsonb := '[]';
  v_told jsonb;
  v_held boolean := false;
begin
  for v_index in 0 .. jsonb_array_length(v_operations) - 1 loop
    v_operation := v_operations -> v_index;
    continue when v_operation ->> 'readAt' is null;
    v_model := ablo_model.resolve(v_operation ->> 'model');
    -- Nearly always nothing in the log is newer than the read: then no premise about the row is broken.
    v_read_at := case when v_operation ->> 'readAt' ~ '^[0-9]{1,18}$' and jsonb_typeof(v_operation -> 'readAt') = 'number'
      and not v_operation ? 'onStale' then v_operation ->> 'readAt' end;
    if v_read_at is not null then
      select (select true from ablo.delta x
               where x.organization_id = p_organization and x.model = v_model and x.row_id = v_operation ->> 'id'
                 and x.sync_id > v_read_at and x.sync_id <= v_last limit 1) is null
        into v_same
        from ablo.log_state s
       where s.singleton and v_read_at between s.dropped_through and coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
      continue when v_same;
    end if;
    continue when ablo.stale_disposition(v_operation ->> 'onStale', v_model, p_participant) <> 'reject';
    v_own := nullif(current_setting('ablo.claims', true), '')::jsonb -> (v_model || ':' || (v_operation ->> 'id')) ->> 1;
    v_stale := ablo.premise_stale(p_organization, v_model, v_operation ->> 'id', v_operation -> 'readAt', null, p_before,
                                  case when v_own is not null then p_participant end, v_own);
    if v_stale.sync_id is not null then
      v_conflicts := v_conflicts || jsonb_build_object('model', v_operation ->> 'model', 'id', v_operation ->> 'id',
        'readAt', v_operation -> 'readAt', 'observedSyncId', v_stale.sync_id, 'writtenBy', ablo.actor_json(v_stale.actor));
    end if;
  end loop;
  if v_reads is null and not p_tracks and v_conflicts = '[]' then
    return null;
  end if;
  if v_reads is not null then
    v_judged := ablo.reads_stale(p_organization, v_reads, v_operations, p_before);
    v_conflicts := v_conflicts || v_judged.conflicts;
    v_told := v_judged.notifications;
    v_held := v_judged.held and v_operations <> '[]';
  end if;
  if p_tracks then
    v_judged := ablo.track_judge(p_organization, p_participant, p_before, v_operations <> '[]');
    v_conflicts := v_conflicts || v_judged.conflicts;
    v_told := coalesce(v_told || v_judged.notifications, v_told, v_judged.notifications);
  end if;
  if v_held and v_conflicts = '[]' then
    raise exception using errcode = 'AB0HD', message = 'held', detail = v_told::text;  -- ablo.commit_hold catches it
  elsif v_conflicts <> '[]' then
    perform ablo.raise_error('stale_context',
      format('%s has changed since it was read%s: sync id %s by %s',
        coalesce(nullif(concat_ws(' ', v_conflicts -> 0 ->> 'model', v_conflicts -> 0 ->> 'id'), ''),
          v_conflicts -> 0 ->> 'group'),
        coalesce(' at ' || (v_conflicts -> 0 ->> 'readAt'), ''), v_conflicts -> 0 ->> 'observedSyncId',
        concat_ws(':', v_conflicts -> 0 -> 'writtenBy' ->> 'kind', v_conflicts -> 0 -> 'writtenBy' ->> 'id')),
      case when v_conflicts -> 0 ? 'tracked' then 'read it again, then track it again or untrack it'
           else 'read it again and decide again' end,
      jsonb_strip_nulls(jsonb_build_object('model', v_conflicts -> 0 ->> 'model', 'id', v_conflicts -> 0 ->> 'id',
        'conflicts', v_conflicts)));
  end if;
  return v_told;
end
$$;
