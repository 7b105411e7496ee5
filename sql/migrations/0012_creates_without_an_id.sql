-- What commit_apply returns has one more column: the ids of rows that were created without one.
drop function if exists ablo.commit_apply(text, text, jsonb, bigint);
drop function if exists ablo.commit_apply(text, text, jsonb, bigint, ablo.key_rights);
