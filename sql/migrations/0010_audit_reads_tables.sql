-- Verification reads the tables: a routine between would be one more thing to replace.
drop function if exists ablo.audit_deltas(text, bigint, bigint, bigint);
drop function if exists ablo.audit_dropped();
drop function if exists ablo.audit_end(text);
drop function if exists ablo.audit_organizations(text, bigint);
drop function if exists ablo.audit_seals(text, bigint, bigint);
drop function if exists ablo.audit_unsealed(text, bigint);
