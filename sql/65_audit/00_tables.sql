-- Seals of `ablo-pg audit seal`, made with a key that never enters the database. One seal covers the deltas of
-- one organization after the previous seal; its mac covers all of its own columns, including the previous mac:
-- the seals of an organization are a chain. ablo_pg/audit/chain.py defines what exactly is hashed. Seals
-- outlive the deltas that retention drops.
create table if not exists ablo.audit_seal (
  organization_id text not null,
  number bigint not null,             -- 1, 2, ... without a gap
  first_sync_id bigint not null,
  last_sync_id bigint not null,
  delta_count bigint not null,
  key_id text not null,               -- which key; keys are rotated
  previous_mac bytea,                 -- null in the first
  fingerprints bytea not null,        -- per delta: its sync id (8 bytes), its keyed hash (16 bytes)
  sealed_at timestamptz not null,
  mac bytea not null,
  primary key (organization_id, number)
);
alter table ablo.audit_seal alter column fingerprints set storage external;  -- nothing to compress
alter table ablo.audit_seal enable row level security;

comment on table ablo.audit_seal is 'Chain of keyed hashes over each organization''s log; see ablo-pg audit.';

-- Acts of one participant on another's claim, outside of the log of rows. Written by the routines that do it,
-- in the same transaction; the newest 10,000 per organization are kept.
create table if not exists ablo.audit_act (
  organization_id text not null,
  number bigint generated always as identity,
  happened_at timestamptz not null default clock_timestamp(),
  actor text not null,                -- kind:id
  act text not null,                  -- claim_break
  subject jsonb not null,             -- its subject, as it was
  login text default session_user,    -- the database login that did it
  primary key (organization_id, number)
);
alter table ablo.audit_act enable row level security;

comment on table ablo.audit_act is 'Who ended whose claim; see ablo-pg audit acts.';
