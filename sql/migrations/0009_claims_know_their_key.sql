-- A claim keeps by which key it was made, and ends with it. Under its old signature the routine would
-- stand beside the new one, and a call without the key could mean either.
drop function if exists ablo.claim_acquire(text, text, text, text, jsonb, text, text);
alter table ablo.claim add column if not exists key_id text;
