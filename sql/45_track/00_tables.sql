-- Tracks: rows and groups for which a participant is notified of changes by others, or must read them again
-- before it writes. One row per target; it outlives its commit, and the process that registered it.
create table if not exists ablo.track (
  organization_id text not null,
  participant text not null,     -- kind:id
  model text not null,           -- typename; '' when the target is a group
  target text not null,          -- a row's id, or a group kind:id
  read_at bigint not null,       -- the baseline: newer changes by others count
  on_stale text not null check (on_stale in ('notify', 'reject')),
  created_at timestamptz not null,
  used_at timestamptz not null,  -- of a commit of the participant, to the day
  capability_id text,            -- the key it was registered with; null: one without limits, or none
  primary key (organization_id, participant, model, target)
);
-- For the sweep, which covers every organization.
create index if not exists track_used_idx on ablo.track (used_at);

alter table ablo.track enable row level security;

comment on table ablo.track is 'Standing premises of a participant: reported on its next receipt, or refusing its commits.';
