-- Claims: leases on rows, each with a wait queue. The database clock is the only clock; a lease ends on its
-- own, which the next access decides. Entry points plan by index from the first call on (enable_seqscan off): a
-- table that is still small when a session plans its statements is not small for long.
create sequence if not exists ablo.claim_ticket as bigint;
create sequence if not exists ablo.fence_token as bigint;

create table if not exists ablo.claim (
  organization_id text not null,
  id text not null,
  model text not null,           -- typename
  row_id text not null,
  fields text[],                 -- as requested; null: the whole row
  parts text[],                  -- the same in lower case: what is compared
  participant text not null,     -- kind:id
  on_behalf_of text,
  capability_id text,
  description text not null,
  meta jsonb,
  status text not null,          -- active, queued; ended: committed, expired, canceled. A CHECK would cost 10 us a call
  ticket bigint not null,        -- place in the wait queue, ascending
  ttl interval not null,
  expires_at timestamptz not null,
  fence_token bigint,            -- set at the grant
  read_at bigint,                -- stamp of the row at the grant
  created_at timestamptz not null,
  granted_at timestamptz,
  ended_at timestamptz,
  key_id text,                   -- the key it was made with over a relay: it ends with that key
  primary key (organization_id, id)
);
-- In queue order: holders ('active') first, then waiters by ticket.
create index if not exists claim_target_idx on ablo.claim (organization_id, model, row_id, status, ticket)
  where status in ('active', 'queued');
create index if not exists claim_participant_idx on ablo.claim (organization_id, participant)
  where status in ('active', 'queued');
create index if not exists claim_expiry_idx on ablo.claim (expires_at) where status in ('active', 'queued');
create index if not exists claim_key_idx on ablo.claim (key_id) where status in ('active', 'queued') and key_id is not null;
create index if not exists claim_ended_idx on ablo.claim (ended_at) where ended_at is not null;

comment on table ablo.claim is 'Leases on rows and their wait queues; ended ones stay for some minutes.';

-- One row for every recently claimed target: its lock serialises the target's claims, and its fencing token
-- only rises.
create table if not exists ablo.claim_target (
  organization_id text not null,
  model text not null,
  row_id text not null,
  fence_token bigint not null default 0,
  primary key (organization_id, model, row_id)
);

comment on table ablo.claim_target is 'The highest fencing token of each target; removed with its last claim.';

-- Tokens at or below the floor belong to removed targets: they are always stale.
create table if not exists ablo.claim_floor (
  singleton boolean primary key default true check (singleton),
  fence_token bigint not null default 0
);
insert into ablo.claim_floor default values on conflict do nothing;

alter table ablo.claim enable row level security;
alter table ablo.claim_target enable row level security;
alter table ablo.claim_floor enable row level security;
