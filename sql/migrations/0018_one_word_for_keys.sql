-- What checks a key is named key_*, what checks a queue claim_queue_*; parameters say what they hold.
drop function if exists ablo.capability_live(text, text, text);
drop function if exists ablo.capability_require(ablo.key_rights, text, text);
drop function if exists ablo.capability_commit(text, text, text, jsonb);
drop function if exists ablo.capability_operation(text, ablo.key_rights, text, text, jsonb, boolean);
drop function if exists ablo.capability_outside(text, text, text);
drop function if exists ablo.capability_reads(ablo.key_rights, jsonb);
drop function if exists ablo.capability_references(text, ablo.key_rights, text, text, jsonb);
drop function if exists ablo.capability_claim(text, text, text, text, text);
drop function if exists ablo.capability_read(text, text, text, text);
drop function if exists ablo.claim_line_check(ablo.claim, jsonb);
drop function if exists ablo.claim_deal(text, text[]);
drop function if exists ablo.claim_words(text, text, jsonb);
drop function if exists ablo.filter_refuse(ablo.model, ablo.field, text, jsonb, text);
drop function if exists ablo.predicate_refuse(ablo.model, jsonb, text, text);
