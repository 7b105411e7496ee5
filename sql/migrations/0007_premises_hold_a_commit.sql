-- A premise under onStale = notify holds the whole commit. Under its old signature the routine would stand beside the new
-- one; what premises return has one column more.
drop function if exists ablo.commit_run(text, text, text, jsonb, text, text, boolean, text);
drop function if exists ablo.reads_stale(text, jsonb, jsonb, bigint);
