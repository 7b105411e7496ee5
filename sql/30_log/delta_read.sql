create or replace function ablo.delta_read(
  p_organization text,
  p_after bigint,
  p_limit int default 1000,
  p_through bigint default null,
  p_capability_id text default null,
  p_with_before boolean default false,
  p_judges boolean default false
) returns setof ablo.delta
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_sort = off  -- a generic plan does not know the limit, and would sort all that follows
set enable_bitmapscan = off
set jit = off
as $$
  -- Deltas of an organization after a cursor, in order, at most p_limit, up to the one that reaches the
  -- budget of an answer (ablo.bound; see db.log.is_whole): catching up. p_capability_id: only what that key may
  -- see (ablo.delta_seen). p_with_before: callers that leave it out count only the rows of
  -- a page, and get no previous values. p_judges: see ablo.reader_check.
  -- Called by: subscribers that join, the LISTEN reader. Locks: none. Raises: cursor_ahead (no such id was ever
  -- drawn; compared with the sequence, not with what is visible, since a delta can arrive over WAL before a query
  -- sees it), snapshot_required (older than the log is kept), cursor_invalid, and the errors of
  -- ablo.key_by_id.
declare
  v_done text := ablo.reader_check(p_capability_id, p_judges);
  v_dropped bigint := (select s.dropped_through from ablo.log_state s);
  v_key ablo.key_rights := ablo.key_of(p_organization, null, p_capability_id);
  v_delta ablo.delta;
  v_size bigint := 0;
  v_budget constant bigint := ablo.bound('answer_bytes');
  v_left int := least(greatest(p_limit, 1), 10000);
  v_last constant bigint := coalesce(pg_sequence_last_value('ablo.sync_id'::regclass), 0);
  v_end constant bigint := coalesce(p_through, 9223372036854775807);
  v_from bigint := p_after;  -- a window of the log, so that a page reads the partitions that it is in; the next
  v_to bigint;               -- one is four times as long
  v_span bigint := ablo.partition_ids();
begin
  if p_after is null or p_after < 0 then
    perform ablo.raise_error('cursor_invalid', format('cursor %s is not a sync id', coalesce(p_after::text, 'NULL')),
      'pass a cursor that a subscription gave you, or none to start from now');
  elsif p_after < v_dropped then
    perform ablo.raise_error('snapshot_required',
      format('cursor %s is older than the log, which is kept after %s', p_after, v_dropped),
      'take a new snapshot and follow from its watermark',
      jsonb_build_object('cursor', p_after, 'keptAfter', v_dropped));
  elsif p_after > v_dropped and p_after > (select q.last_value from ablo.sync_id q) then
    perform ablo.raise_error('cursor_ahead',
      format('cursor %s is ahead of the log', p_after),
      'the cursor comes from another database, or from before a restore: take a new snapshot',
      jsonb_build_object('cursor', p_after));
  end if;
  while v_left > 0 and v_from < v_end loop
    v_to := case when v_from + v_span < v_last then least(v_from + v_span, v_end) else v_end end;
    for v_delta in
      select d.* from ablo.delta d
       where d.organization_id = p_organization and d.sync_id > v_from and d.sync_id <= v_to
         and (p_capability_id is null or (ablo.key_sees(v_key, d.model, d.groups) or ablo.key_sees(v_key, d.model, d.left_groups))
           and (ablo.delta_seen(v_key, d)).sync_id is not null)
       order by d.sync_id
       limit v_left
    loop
      if p_capability_id is not null then
        v_delta := ablo.delta_seen(v_key, v_delta);
      end if;
      if not p_with_before then
        v_delta.before := null;
      end if;
      return next v_delta;
      v_left := v_left - 1;
      v_size := v_size + coalesce(octet_length(v_delta."row"::text), 0)
        + coalesce(octet_length(v_delta.before::text), 0);
      if v_size >= v_budget then
        return;
      end if;
    end loop;
    v_from := v_to;
    v_span := v_span * 4;
  end loop;
end
$$;
