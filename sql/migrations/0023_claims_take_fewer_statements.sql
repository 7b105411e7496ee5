-- A new target has its token at once, an answer takes the stamp that is known, a claim is JSON as it is sent.
drop function if exists ablo.claim_target_lock(text, text, text);
drop function if exists ablo.claim_token(text, text, text);
drop function if exists ablo.claim_answer(ablo.claim, ablo.key_rights);
drop function if exists ablo.claim_json(ablo.claim, bigint);
alter table ablo.claim drop constraint if exists claim_status_check;
