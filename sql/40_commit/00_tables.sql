-- Receipts: the answers to commits, stored under their idempotency keys. A row is written once, in the
-- transaction of its commit; a failed commit leaves none.
create table if not exists ablo.receipt (
  organization_id text not null,
  participant text not null,     -- kind:id
  key text not null,
  request_hash bigint not null,  -- jsonb_hash_extended: distinguishes requests, not a security measure
  response json not null,
  sync_id bigint not null,
  created_at timestamptz not null,
  transport text,                -- http, websocket; null: a library or plain SQL
  reads jsonb,                   -- the premises it named, as they were sent
  capability_id text,            -- the key it was made with; null: one without limits, or none
  login text default session_user,  -- the database login that committed
  primary key (organization_id, participant, key)
);
create index if not exists receipt_created_idx on ablo.receipt (created_at);

-- When a receipt was returned again, for its record: the first few times.
create table if not exists ablo.receipt_replay (
  organization_id text not null,
  participant text not null,
  key text not null,
  replayed_at timestamptz not null,
  transport text
);
create index if not exists receipt_replay_idx on ablo.receipt_replay (organization_id, participant, key);
create index if not exists receipt_replay_at_idx on ablo.receipt_replay (replayed_at);

alter table ablo.receipt enable row level security;
alter table ablo.receipt_replay enable row level security;
-- It has no key: under a publication of all tables the sweep could not delete without a replica identity.
alter table ablo.receipt_replay replica identity full;

comment on table ablo.receipt_replay is 'When a stored receipt was returned again, and over which transport.';

comment on table ablo.receipt is 'Idempotency records: one (organization, participant, key) applies at most once.';
