create or replace function ablo.commit_run(
  p_organization text,
  p_participant text,
  p_key text,
  p_request jsonb,
  p_on_behalf_of text,
  p_capability_id text,
  p_ordered boolean,
  p_transport text default null,
  p_holding boolean default false
) returns json
language plpgsql volatile
as $$
  -- The commit itself. p_request: {"operations": [{action, model, id, data?, readAt?, onStale?,
  -- transactionId?, claimId?, fenceToken?}], "reads": [premise], "track": [target]}; see
  -- ablo.commit_apply, ablo.premise_check and ablo.track_put. Rows come first; the order lock, the
  -- premises, then the deltas are the commit point. p_ordered: the transaction holds the order lock
  -- already (a batch), and captures run with each statement, so this commit's own deltas are recognized
  -- by their ids. p_holding: called by ablo.commit_hold, for premises under onStale = notify. The caller has set
  -- the identity.
  -- Called by: ablo.commit, ablo.commit_batch, ablo.commit_hold. Locks, in order: the idempotency key, rows, the order lock.
declare
  v_hash bigint := ablo.request_hash(p_request);
  v_seen bigint;
  v_made_with text;
  v_response json;
  v_result record;
  v_told jsonb;
  v_tracks boolean;
  v_sync_id bigint;
  v_at timestamptz;
  v_key ablo.key_rights;
  v_done text;  -- an assignment runs no query, which PERFORM would
  v_bare boolean;  -- well-formed: operations and nothing else
  -- Newer deltas in the log are this commit's own.
  v_before bigint := 9223372036854775807;
begin
  v_bare := case when jsonb_typeof(p_request -> 'operations') = 'array' then
    jsonb_array_length(p_request -> 'operations') between 1 and 500 and p_request - array['operations', 'returning'] = '{}'
    and length(p_key) between 1 and 255 and ablo.text_fits(p_key) end;
  if v_bare is not true then
    v_done := ablo.commit_check(p_key, p_request);
    v_bare := false;
  end if;
  v_done := pg_advisory_xact_lock(ablo.idempotency_key(p_organization, p_participant, p_key));

  if p_capability_id is not null then
    v_key := ablo.key_check_commit(p_organization, p_participant, p_capability_id, p_request);
  end if;

  -- One statement for both: each statement that runs costs more than its probe. A track registered from here on
  -- belongs to a concurrent commit.
  select r.response, r.request_hash,
         exists (select from ablo.track t where t.organization_id = p_organization and t.participant = p_participant),
         r.capability_id
    into v_response, v_seen, v_tracks, v_made_with
    from (values (1)) one
    left join ablo.receipt r on r.organization_id = p_organization and r.participant = p_participant and r.key = p_key;
  if v_seen is not null then
    if v_seen = v_hash and ablo.key_covers(v_key, v_made_with) then
      perform ablo.commit_replayed(p_organization, p_participant, p_key, p_transport);
      return v_response;
    end if;
    perform ablo.raise_error('idempotency_conflict',
      format('idempotency key %L was used before, for a different request', left(p_key, 80)),
      'send the first request again unchanged, or take a new key');
  end if;

  if p_ordered then
    v_before := coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
  end if;
  -- As the guards would record it; they do so if another writer has written before in this transaction.
  if current_setting('ablo.writer', true) is distinct from p_participant
    and (p_ordered or coalesce(current_setting('ablo.writer', true), '') = '')
  then
    v_done := set_config('ablo.writer', p_participant, true);
  end if;
  if not v_bare then
    if v_key.sync_groups is not null then
      v_done := ablo.key_check_reads(v_key, p_request);
    end if;
    if not p_holding and p_request ? 'reads' and ablo.commit_holds(p_request -> 'reads') then
      return ablo.commit_hold(p_organization, p_participant, p_key, p_request, p_on_behalf_of, p_capability_id, p_ordered, p_transport);
    end if;
  end if;
  v_result := ablo.commit_apply(p_organization, p_participant, p_request, v_before, v_key, p_transport);
  if not v_bare then
    if jsonb_typeof(p_request -> 'track') = 'array' then
      v_done := ablo.track_put(p_organization, p_participant, p_request -> 'track', p_capability_id);
    end if;
    v_tracks := v_tracks or p_request ? 'track';
  end if;
  if not p_ordered then  -- the commit point
    v_done := ablo.order_lock(p_organization);
  end if;
  if v_result.guarded or v_tracks or not v_bare then
    v_told := ablo.premise_check(p_organization, p_participant, p_request, v_before, v_tracks);
    v_result.notifications := coalesce(v_result.notifications || v_told, v_result.notifications, v_told);
  end if;
  if not p_ordered then
    v_done := set_config('ablo.ordered', p_organization, true);
    v_done := ablo_model.settle();
  end if;

  v_at := clock_timestamp();
  v_sync_id := case when v_result.applied > 0 then currval('ablo.sync_id')
                    else ablo.log_head(p_organization) end;
  v_response := ablo.receipt_json(p_key, v_result.applied, v_sync_id, v_at, v_result.notifications, v_result.missing);
  if v_result.made is not null then
    v_response := v_response::jsonb || case when v_result.made - array(select jsonb_object_keys(v_result.made) limit 1) = '{}'
      then jsonb_build_object('id', (select value from jsonb_each(v_result.made)))
      else jsonb_build_object('madeIds', v_result.made) end;
  end if;
  insert into ablo.receipt (organization_id, participant, key, request_hash, response, sync_id, created_at, transport, reads,
                            capability_id)
  values (p_organization, p_participant, p_key, v_hash, v_response, v_sync_id, v_at, p_transport,
          nullif(p_request -> 'reads', 'null'), p_capability_id);
  return v_response;
end
$$;
