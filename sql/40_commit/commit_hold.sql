create or replace function ablo.commit_hold(
  p_organization text, p_participant text, p_key text, p_request jsonb, p_on_behalf_of text, p_capability_id text,
  p_ordered boolean, p_transport text
) returns json
language plpgsql volatile
as $$
  -- A commit with a premise under onStale = notify: it lands completely, or, if such a premise has changed, none
  -- of its operations does, and its receipt has one notification for each changed premise. The premises are
  -- checked once, at the commit point, in a subtransaction, which rolls back the writes; if an operation failed
  -- first, they are checked then, since operations on changed rows often fail.
  -- Called by: ablo.commit_run. Locks: the same, and none that outlast a held commit, except the idempotency key.
declare
  v_before bigint := case when p_ordered then coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0)
                          else 9223372036854775807 end;
  v_judged record;
  v_told text;
  v_at timestamptz;
  v_sync_id bigint;
  v_response json;
begin
  begin
    return ablo.commit_run(p_organization, p_participant, p_key, p_request, p_on_behalf_of, p_capability_id, p_ordered,
                           p_transport, true);
  exception
    when sqlstate 'AB0HD' then
      get stacked diagnostics v_told = pg_exception_detail;
    when others then
      v_judged := ablo.reads_stale(p_organization, p_request -> 'reads',
                                   coalesce(nullif(p_request -> 'operations', 'null'), '[]'), v_before);
      if not v_judged.held or v_judged.conflicts <> '[]' or coalesce(p_request -> 'operations', 'null') in ('null', '[]') then
        raise;
      end if;
      v_told := v_judged.notifications;
  end;
  v_at := clock_timestamp();
  v_sync_id := ablo.log_head(p_organization);
  v_response := ablo.receipt_json(p_key, 0, v_sync_id, v_at, v_told::jsonb, null);
  insert into ablo.receipt (organization_id, participant, key, request_hash, response, sync_id, created_at, transport, reads,
                            capability_id)
  values (p_organization, p_participant, p_key, ablo.request_hash(p_request), v_response, v_sync_id, v_at, p_transport,
          p_request -> 'reads', p_capability_id);
  return v_response;
end
$$;
