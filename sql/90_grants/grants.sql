-- Every GRANT and REVOKE of the kernel, nothing else. Nothing is executable by PUBLIC; the runtime
-- role gets the entry points, and reads the log under row-level security; the replication role reads
-- the log. Grants on a model's own objects are in its compiled script.
revoke all on schema ablo, ablo_model from public;
revoke all on all functions in schema ablo, ablo_model from public;
-- For all schemas: a per-schema default cannot take away what PUBLIC has by default.
alter default privileges for role ablo_owner revoke execute on functions from public;

grant usage on schema ablo, ablo_model to ablo_runtime;
grant usage on schema ablo to ablo_replication;

grant select on ablo.delta to ablo_runtime, ablo_replication;
-- For the policy delta_readers. What ablo_model.sees calls of a model stays closed.
grant execute on function ablo_model.sees(text, json, json, text), ablo.delta_readable(text, json, json) to ablo_runtime;

-- The set-wise write functions call the tests of values; to own them takes CREATE on their schema. After a restore
-- without owners they are the owner's, and write nothing until they are handed back here.
do $writer$
declare
  v_function regprocedure;
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'ablo_writer') then
    grant usage on schema ablo, ablo_model to ablo_writer;
    grant create on schema ablo_model to ablo_writer;
    grant execute on function ablo.json_fits(jsonb) to ablo_writer;
    for v_function in
      select p.oid from pg_catalog.pg_proc p
       where p.pronamespace = 'ablo_model'::regnamespace and p.proname like '%\_\_many' and p.proowner = 'ablo_owner'::regrole
    loop
      execute format('alter function %s owner to ablo_writer', v_function);
    end loop;
  end if;
end
$writer$;

grant execute on function
  ablo.commit(text, text, text, jsonb, text, text, text),
  ablo.commit_batch(text, jsonb),
  ablo.commit_preview(text, text, jsonb, text, text),
  ablo.commit_refusal(text, text, jsonb),
  ablo.claim_acquire(text, text, text, text, jsonb, text, text, text),
  ablo.claim_break(text, text, text),
  ablo.claim_events(text, text, bigint, bigint, int, text),
  ablo.claim_get(text, text, text, boolean, text),
  ablo.claim_heartbeat(text, text, text, jsonb, text),
  ablo.claim_heartbeat_all(text, text, text[], jsonb, text),
  ablo.claim_next(text, text, text, jsonb, jsonb, text, text, text),
  ablo.claim_list(text, text, text, text, jsonb, text),
  ablo.claim_release(text, text, text, text),
  ablo.claim_release_row(text, text, text, text, text),
  ablo.claim_reorder(text, text, text, text, jsonb, text),
  ablo.key_find(text),
  ablo.key_get(text, text, text),
  ablo.key_mint(text, text, jsonb),
  ablo.key_revoke(text, text, text),
  ablo.key_rotate(text, text, jsonb, text),
  ablo.key_states(text[]),
  ablo.presence_beat(text, text, text, jsonb),
  ablo.presence_leave(text, text, text),
  ablo.presence_list(text, text, jsonb, text),
  ablo.receipt_get(text, text, text, text),
  ablo.row_get(text, text, text, text, text),
  ablo.row_list(text, text, text, jsonb, text),
  ablo.access_explain(text, text, text, text, text),
  ablo.row_aggregate(text, text, text, jsonb, text),
  ablo.row_at(text, text, text, text, bigint, text),
  ablo.row_history(text, text, text, text, int, bigint, text),
  ablo.snapshot_read(text, text, jsonb, text),
  ablo.track_list(text, text, text),
  ablo.undo_plan(text, text, jsonb, text),
  ablo.track_remove(text, text, jsonb, text),
  ablo.delta_read(text, bigint, int, bigint, text, boolean, boolean),
  ablo.log_head(text),
  ablo.sight_at(text, text, bigint),
  ablo.sight_rows(text, bigint, text[], text[], text[]),
  ablo.sight_since(),
  ablo.listen_key(),
  ablo.live_key(),
  ablo.live_read(text, text, boolean),
  ablo.bootstrap_note(text, text, bigint),
  ablo.bootstrap_start(text, text),
  ablo.canary_emit(text),
  ablo.commit_get(text, text, text, boolean, text),
  ablo.commit_list(text, text, jsonb, text),
  ablo.delta_tail(text, bigint, int, text, boolean, boolean),
  ablo.schema_active(bigint, text),
  ablo.schema_history(bigint, int),
  ablo.status(),
  ablo.identity_check(),
  ablo.delta_extend(),
  ablo.housekeep(int)
to ablo_runtime;

-- The runtime role creates and manages keys, until the database has a control login.
do $control$
begin
  if ablo.control_separated() then
    perform ablo.control_separate();
  else
    grant execute on function ablo.key_create(text, text, jsonb), ablo.key_list(text, boolean) to ablo_runtime;
  end if;
end
$control$;
