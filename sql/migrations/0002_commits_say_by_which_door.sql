-- A commit keeps by which door it came, and what it had read. Under its old signature the routine would
-- stand beside the new one, and a call without the door could mean either.
drop function if exists ablo.commit(text, text, text, jsonb, text, text);
drop function if exists ablo.commit_run(text, text, text, jsonb, text, text, boolean);
alter table ablo.receipt add column if not exists transport text;
alter table ablo.receipt add column if not exists reads jsonb;
