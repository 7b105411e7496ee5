-- The read routines have a last parameter more, the capability. Under their old signatures they would
-- stand beside the new ones, and a call without it could mean either.
drop function if exists ablo.row_get(text, text, text, text);
drop function if exists ablo.row_list(text, text, text, jsonb);
drop function if exists ablo.row_at(text, text, text, text, bigint);
drop function if exists ablo.row_history(text, text, text, text, int, bigint);
drop function if exists ablo.snapshot_read(text, text, jsonb);
