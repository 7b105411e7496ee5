-- A delta names the groups that its row has left, apart from those that it is in. Receipts and tracks keep the
-- key that they were made with. More routines take a capability; under their old signatures they would stand
-- beside the new ones.
alter table ablo.delta add column if not exists left_groups text[];
alter table ablo.receipt add column if not exists capability_id text;
alter table ablo.track add column if not exists capability_id text;
drop function if exists ablo.capability_read(text, text, text, text);
drop function if exists ablo.capability_commit(text, text, text, jsonb);
drop function if exists ablo.capability_claim(text, text, text, text, text);
drop function if exists ablo.capability_require(ablo.api_key, text, text);
drop function if exists ablo.capability_rows(text, text, jsonb, boolean);
drop function if exists ablo.commit_apply(text, text, jsonb, bigint);
drop function if exists ablo.claim_answer(ablo.claim);
drop function if exists ablo.claim_events(text, text, bigint, bigint, int, boolean);
drop function if exists ablo.claim_find(text, text);
drop function if exists ablo.claim_get(text, text, text, boolean);
drop function if exists ablo.claim_heartbeat(text, text, text, jsonb);
drop function if exists ablo.claim_heartbeat_all(text, text, text[], jsonb);
drop function if exists ablo.claim_list(text, text, text, text, jsonb);
drop function if exists ablo.claim_lost(text, text, text);
drop function if exists ablo.claim_release(text, text, text);
drop function if exists ablo.claim_release_row(text, text, text, text);
drop function if exists ablo.claim_reorder(text, text, text, text, jsonb);
drop function if exists ablo.presence_list(text, text, jsonb);
drop function if exists ablo.commit_get(text, text, text, boolean);
drop function if exists ablo.commit_list(text, text, jsonb);
drop function if exists ablo.receipt_get(text, text, text);
drop function if exists ablo.track_groups(text, text, bigint);
drop function if exists ablo.track_list(text, text);
drop function if exists ablo.track_put(text, text, jsonb);
drop function if exists ablo.track_remove(text, text, jsonb);
drop function if exists ablo.delta_read(text, bigint, int, bigint);
drop function if exists ablo.delta_tail(text, bigint, int);
