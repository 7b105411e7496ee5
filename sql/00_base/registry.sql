-- The kernel's advisory lock keys, hash seeds, custom settings and magic numbers: everything that two routines must
-- agree on. All functions are inlined where they are called.
--
-- Custom settings. app.* say who acts and are set by any writer; ablo.* are internal, and forging one spoils
-- only its own transaction. NULL and '' both mean "unset". All are transaction-local.
--   app.current_org_id, app.current_participant_id   the organization and the participant (kind:id)
--   app.current_participant_kind, app.current_user_id  for an application's own policies: the participant's kind; its id
--                                                    if it is a user, '*' for a system, '' for an agent
--   ablo.on_behalf_of, ablo.capability_id            for whom, and by which key
--   ablo.claims, ablo.transaction_ids                claims and transaction ids that the operations of a commit name
--   ablo.row                                         for "returning": '?' until the capture puts the row here
--   ablo.writer                                      the participant that wrote first in this transaction
--   ablo.tx_orgs                                     the organizations of a transaction that sets none; '*' beyond 64
--   ablo.ordered                                     the organization whose order lock this transaction holds
--   ablo.notify                                      on: this session prepares no transaction and may NOTIFY
--   ablo.open_claims, ablo.open_waits                limits of a relay on one participant
--   ablo.kernel_installing                           the version that is being installed
--
-- Keys are 64 bits: a clash with another application's key, or of two organizations, makes one wait for the other,
-- nothing else. Seeds of hashes: 7001 organizations, 7002 idempotency keys, 7003 creations, 7004 requests.

-- The order lock of an organization.
create or replace function ablo.order_key(p_organization text) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_organization, 7001) $$;

-- Held shared by every commit, exclusively by one that changes rows of very many organizations.
create or replace function ablo.order_gate_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000001 $$;

-- Held exclusively (for its session) by one LISTEN reader: while it is, commits NOTIFY.
create or replace function ablo.listen_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000002 $$;

-- Held while partitions are added to the log.
create or replace function ablo.extend_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000003 $$;

-- How many sync ids one partition of the log holds.
create or replace function ablo.partition_ids() returns bigint
language sql immutable parallel safe
as $$ select 10000000::bigint $$;

-- How many rows a stream shows or removes when its key gains or loses groups: the change of a grant draws as many
-- sync ids before its own, so that each of these rows has one.
create or replace function ablo.sight_ids() returns int
language sql immutable parallel safe
as $$ select 1000 $$;

-- Held while expired records are deleted.
create or replace function ablo.housekeep_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000004 $$;

-- Held exclusively (for its session) by one relay that shows its clients claims and presence: meanwhile, their
-- changes NOTIFY. Every relay receives the notifications.
create or replace function ablo.live_key() returns bigint
language sql immutable parallel safe
as $$ select 7001000000000020 $$;

-- Held by the commit of one idempotency key.
create or replace function ablo.idempotency_key(p_organization text, p_participant text, p_key text) returns bigint
language sql immutable parallel safe
as $$ select hashtextextended(p_organization || e'\x1f' || p_participant || e'\x1f' || p_key, 7002) $$;

-- Against the creation of a row: held exclusively by a grant on a row that does not exist, shared by creators. One of
-- 16 per organization, so that a commit of many creates takes few locks; two rows of one key only wait for each
-- other's transactions.
create or replace function ablo.creation_key(p_organization text, p_model text, p_row_id text) returns bigint
language sql immutable parallel safe
as $$
  select hashtextextended(p_organization || e'\x1f' || (hashtext(p_model || e'\x1f' || p_row_id) & 15), 7003)
$$;

-- What tells two requests under one idempotency key apart: what is to be done, not how it is to be answered.
create or replace function ablo.request_hash(p_request jsonb) returns bigint
language sql immutable parallel safe
as $$
  select jsonb_hash_extended(case when p_request -> 'returning' is null then p_request else p_request - 'returning' end, 7004)
$$;
