-- Tracks: what a participant wants to hear of when others move it, or not to write on without having
-- read it again. One row a target; it outlives its commit, and the process that asked for it.
create table if not exists ablo.track (
  organization_id text not null,
  participant text not null,     -- kind:id
  model text not null,           -- typename; '' when the target is a group
  target text not null,          -- a row's id, or a group kind:id
  read_at bigint not null,       -- the baseline: what is newer, and somebody else's, has moved it
  on_stale text not null check (on_stale in ('notify', 'reject')),
  created_at timestamptz not null,
  used_at timestamptz not null,  -- of a commit of the participant, to the day
  capability_id text,            -- the key it was registered with; null: one without limits, or none
  primary key (organization_id, participant, model, target)
);
-- For the sweep, which asks for every organization's.
create index if not exists track_used_idx on ablo.track (used_at);

alter table ablo.track enable row level security;

comment on table ablo.track is 'Standing premises of a participant: reported on its next receipt, or in the way of it.';
