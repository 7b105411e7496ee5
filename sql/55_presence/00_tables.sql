-- Presence: who is present, and on what. Short-lived and not worth a flush to disk: UNLOGGED, so it is empty
-- after a crash of the server, and present sessions return with their next heartbeat.
create unlogged table if not exists ablo.presence (
  organization_id text not null,
  participant text not null,     -- kind:id
  session text not null,         -- of a process or connection: a participant may have several
  status text not null,
  activity jsonb,
  meta jsonb,
  since timestamptz not null,
  seen_at timestamptz not null,
  expires_at timestamptz not null,
  primary key (organization_id, participant, session)
);
create index if not exists presence_expiry_idx on ablo.presence (expires_at);

alter table ablo.presence enable row level security;

comment on table ablo.presence is 'Sessions of participants that are present; each expires.';
