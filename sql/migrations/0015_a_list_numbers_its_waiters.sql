-- ablo.claim_json takes a waiter's position.
drop function if exists ablo.claim_json(ablo.claim);
