-- API keys: who may act for an organization, and with which rights. Of a key itself only its SHA-256 and the
-- first twelve characters are stored.
create table if not exists ablo.api_key (
  id text primary key,           -- key_..: made by an administrator; cap_..: minted from another key
  key_hash text not null unique check (key_hash ~ '^[0-9a-f]{64}$'),
  prefix text not null check (prefix in ('sk', 'rk', 'ek', 'pk')),
  display text not null,         -- the part that people recognize it by
  organization_id text not null,
  participant text not null,     -- kind:id
  parent_id text references ablo.api_key on delete cascade,
  rotated_from text references ablo.api_key on delete set null,  -- the key that it replaced
  operations text[],             -- <lower-case typename>.<read|create|update|delete>, or *.<verb>; null: all
  scopes text[] not null default '{}',
  sync_groups text[],            -- kind:id; null: all of the organization's
  user_meta jsonb not null default '{}',
  label text,
  created_at timestamptz not null,
  expires_at timestamptz,        -- null: it does not expire
  revoked_at timestamptz,
  check (parent_id is null or expires_at is not null)
);
create index if not exists api_key_organization_idx on ablo.api_key (organization_id, created_at);
create index if not exists api_key_parent_idx on ablo.api_key (parent_id) where parent_id is not null;
create index if not exists api_key_rotated_idx on ablo.api_key (rotated_from) where rotated_from is not null;
create index if not exists api_key_end_idx on ablo.api_key (expires_at) where expires_at is not null;

comment on table ablo.api_key is 'Hashes of API keys, what each may do, and from which it was minted or rotated.';

alter table ablo.api_key enable row level security;

-- What the active schema says of participants: one row. Kept by ablo.sight_register.
create table if not exists ablo.sight_rule (
  singleton boolean primary key default true check (singleton),
  roles jsonb not null default '[]',   -- [{kind, field}]: the groups of a participant; empty: all of the organization's
  grants jsonb not null default '{}',  -- by typename, the models whose rows grant groups: {subject, scope, kind}
  since bigint not null default 0      -- what a user's or an agent's key read before this sync id is out of date
);
insert into ablo.sight_rule default values on conflict do nothing;

comment on table ablo.sight_rule is 'Identity roles and grants of the active schema.';

-- The rights of a key, as routines pass them on; null: unlimited. A separate type, so that a caller without a
-- key never touches the table.
do $type$
begin
  if to_regtype('ablo.key_rights') is null then
    create type ablo.key_rights as (
      id text, organization_id text, participant text, operations text[], sync_groups text[]);
  end if;
end
$type$;
