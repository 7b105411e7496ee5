-- Claim events, for readers of the feed: one row each time a claim is queued, granted or ended, kept for an
-- hour. Claims take no organization's order lock, so an event is ordered by its transaction: readers take those
-- of transactions below the oldest running one, complete and in order.
create sequence if not exists ablo.claim_event_seq as bigint;

create table if not exists ablo.claim_event (
  organization_id text not null,
  xid xid8 not null,
  seq bigint not null,
  at timestamptz not null,
  claim_id text not null,
  model text not null,           -- typename
  row_id text not null,
  fields text[],
  participant text not null,     -- kind:id
  on_behalf_of text,
  capability_id text,
  description text not null,
  status text not null,
  expires_at timestamptz not null,
  fence_token bigint,
  primary key (organization_id, xid, seq)
);
create index if not exists claim_event_at_idx on ablo.claim_event (at);

alter table ablo.claim_event enable row level security;

comment on table ablo.claim_event is 'Claim events of the last hour, in the order of their transactions.';
