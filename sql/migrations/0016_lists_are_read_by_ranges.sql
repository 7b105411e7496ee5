-- The rows after a cursor are several ranges.
drop function if exists ablo.keyset_sql(ablo.model, jsonb, text);
