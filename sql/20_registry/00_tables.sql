-- What was pushed: every version of the schema, and the models of the active one.
create table if not exists ablo.schema_version (
  version bigint primary key,    -- consecutive: a rolled back push takes no number
  hash text not null,
  schema json not null,
  active boolean not null default true,
  pushed_at timestamptz not null default now(),
  pushed_by text not null default session_user
);
create unique index if not exists schema_version_active_idx on ablo.schema_version (active) where active;

comment on table ablo.schema_version is 'Pushed schemas; exactly one is active.';

create table if not exists ablo.model (
  typename text primary key,
  key text not null,
  table_schema text not null,
  table_name text not null,
  org_column text,               -- null: the organization is known through a parent row, or there is none
  tenancy text not null,
  group_kind text not null,
  conflict jsonb not null default '{}',
  mutable boolean not null default true,
  load text not null default 'instant',
  archived_column text,
  row_function text not null,    -- ablo_model function that makes the row's JSON
  id_type text not null default 'text',
  id_shared boolean not null default false,  -- an id is unique in the table, across all organizations
  definition jsonb not null      -- as the compiler registered it
);
create unique index if not exists model_key_idx on ablo.model (key);

comment on table ablo.model is 'Models of the active schema, as the read routines and guards need them.';

create table if not exists ablo.field (
  typename text not null references ablo.model on delete cascade,
  wire text not null,            -- JSON key
  column_name text not null,
  type text not null,
  optional boolean not null,
  position int not null,
  column_type text,              -- the column's type when the model was registered (ablo.column_type)
  primary key (typename, wire)
);

comment on table ablo.field is 'Fields of each model, base fields included: what filters and orders may name.';

create table if not exists ablo.model_adopted (
  typename text primary key,
  sync_id bigint not null        -- from there on every change of its rows is in the log
);

comment on table ablo.model_adopted is 'Since when a model''s changes are captured; outlives the schema version.';

create table if not exists ablo.migration_debt (
  typename text primary key,
  since timestamptz not null default 'infinity'  -- infinity: the rewrite has not begun
);

comment on table ablo.migration_debt is
  'Models whose rows read differently than in the log: each row changed before `since` must still be written once.';
