-- The positions as of which rows were read for a local copy, for a minute: the socket that follows may open on
-- another relay than the one that read them, and has to begin there.
create table if not exists ablo.bootstrap (
  organization_id text not null,
  key_id text not null,
  sync_id bigint not null,
  read_at timestamptz not null,
  primary key (organization_id, key_id, sync_id)
);
create index if not exists bootstrap_read_idx on ablo.bootstrap (read_at);

alter table ablo.bootstrap enable row level security;

comment on table ablo.bootstrap is 'Start positions of recently read local copies, by key.';
