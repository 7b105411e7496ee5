-- The log: one row is one committed row change, ready to send. The only published table. sync_id is drawn at
-- the commit point under the organization's order lock, so that within an organization id order = commit order
-- = visibility order. Partitioned by range of sync_id, so that retention drops partitions and never deletes
-- rows; the default partition is a fallback if ablo.delta_extend did not run, and stays empty.
create sequence if not exists ablo.sync_id as bigint;

create table if not exists ablo.delta (
  sync_id bigint not null,
  organization_id text not null,
  model text not null,           -- typename
  row_id text not null,
  op text not null,              -- I insert, U update, D delete, A archive, V unarchive
  groups text[] not null,        -- sync groups after the change; on D as they were
  "row" json,                    -- the whole row after the change; null on D
  changed text[],                -- wire names of the fields that an update changed
  actor text,                    -- kind:id
  on_behalf_of text,
  capability_id text,
  claim_id text,
  transaction_id text,           -- the operation's own id, from its client
  xid xid8 not null,
  created_at timestamptz not null,
  left_groups text[],            -- groups that an update removed the row from
  login text default session_user,  -- the database login that wrote; a session cannot choose it, unlike the
                                    -- actor
  before json,                   -- on U, A and V the previous values of the changed fields, on D the whole old row;
                                 -- null for a model declared with before=False
  entered_groups text[],         -- of groups and left_groups, those whose keys may not have seen the old row
  primary key (organization_id, sync_id)
) partition by range (sync_id);

-- A lookup of a row's last delta, however old, compares (row_id, sync_id) and orders by both: with row_id = and
-- `order by sync_id` the planner may walk the organization's log back by primary key instead, if few rows make
-- up most of it, and finds a rare row last. A lookup after some position compares with =: such a walk would end
-- there, and before 18 Postgres does not stop at the lower bound of a row comparison.
create index if not exists delta_row_idx on ablo.delta (organization_id, model, row_id, sync_id);

create table if not exists ablo.delta_default partition of ablo.delta default;

alter table ablo.delta enable row level security;

comment on table ablo.delta is 'Log of committed row changes, in each organization''s commit order.';

-- How far the log has been dropped: no delta with a sync_id at or below this is kept.
create table if not exists ablo.log_state (
  singleton boolean primary key default true check (singleton),
  dropped_through bigint not null default 0
);
insert into ablo.log_state default values on conflict do nothing;
