create or replace function ablo.batch_write(
  p_organization text, p_operations ablo.batch_operation[], out commits int[], out receipts json[], out rows text[]
)
language plpgsql volatile
as $$
  -- Apply plain operations: their rows, one INSERT into the log in the order of the batch, one of receipts. Returns
  -- the commits that were applied, their receipts, and what commit_rows would add to those with "returning". A commit
  -- whose only operation was not written is missing from the result.
  -- Called by: ablo.batch_apply, in a subtransaction. Captures do not run: the rows are written as ablo_writer.
  -- Locks: as ablo.batch_rows. Raises: what the statements raise; AB0BW if a commit was written in part, or a claim
  -- was granted before its row was locked. The caller rolls back.
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_written int;
  v_again boolean := false;
begin
  with w as materialized (
    select nextval('ablo.sync_id') as sync_id, x.*
      from (select r.*, o.*
              from ablo.batch_rows(p_organization, v_now, p_operations) r
              join unnest(p_operations) with ordinality
                   o (c, model, action, id, data, transaction_id, participant, key, hash, behalf, capability, transport,
                      with_rows, n) on o.n = r.ord
             order by r.ord offset 0) x
  ), d as (
    insert into ablo.delta (sync_id, organization_id, model, row_id, op, groups, "row", changed, actor, on_behalf_of,
                            capability_id, transaction_id, xid, created_at, left_groups, before, entered_groups)
    select w.sync_id, p_organization, w.model, w.row_id, w.op, w.groups, w."row", w.changed, w.participant,
           nullif(w.behalf, ''), w.capability, w.transaction_id, pg_current_xact_id(), v_now, w.left_groups, w.before, w.entered_groups
      from w
  ), r as materialized (
    select s.*, ablo.receipt_json(s.key, s.applied, s.sync_id, v_now, null, null) as response
      from (select w.c, w.participant, w.key, w.hash, w.capability, w.transport, max(w.sync_id) as sync_id,
                   count(*)::int as applied,
                   string_agg(json_build_object('row', w."row", 'stamp', w.sync_id)::text, ',' order by w.ord)
                     filter (where w.with_rows) as rows
              from w group by w.c, w.participant, w.key, w.hash, w.capability, w.transport) s
  ), k as (
    insert into ablo.receipt (organization_id, participant, key, request_hash, response, sync_id, created_at, transport,
                              capability_id)
    select p_organization, r.participant, r.key, r.hash, r.response, r.sync_id, v_now, r.transport, r.capability from r
  )
  select array_agg(r.c), array_agg(r.response),
         array_agg(case when r.applied = 1 or octet_length(r.rows) <= ablo.bound('answer_bytes') then r.rows end),
         coalesce(sum(r.applied), 0)
    into commits, receipts, rows, v_written from r;

  if v_written <> array_length(p_operations, 1) then
    v_again := exists (
      select from unnest(p_operations) o
        join unnest(commits, receipts) x (commit, receipt) on x.commit = o.commit
       group by x.commit having count(*) <> min((x.receipt ->> 'ops')::int));
  end if;
  if exists (select from ablo.claim c where c.organization_id = p_organization and c.status = 'active') then
    v_again := v_again or exists (
      select from unnest(p_operations) o
       cross join lateral (
         select from ablo.claim c
          where c.organization_id = p_organization and c.model = o.model and c.row_id = o.id and c.status = 'active'
          limit 1) c);
  end if;
  if v_again then
    raise exception using errcode = 'AB0BW', message = 'these commits are applied one by one';
  end if;
end
$$;
