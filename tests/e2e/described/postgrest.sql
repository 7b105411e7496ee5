create schema if not exists auth;
create function auth.uid() returns uuid language sql stable as $$
  select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid
$$;
create type public.app_role as enum ('admin', 'it''s', 'member');
alter type public.app_role add value 'guest' before 'member';
create domain public.email as text check (value ~ '@');

create table public.profiles (
  id uuid primary key default gen_random_uuid(),
  email public.email unique,
  role public.app_role not null default 'member',
  roles public.app_role[] default '{}',
  bio text check (bio is null or char_length(bio) < 500),
  status text not null default 'active' check (status = 'active' or status = 'away' or status in ('gone')),
  birthday date,
  prefs json,
  inserted_at timestamp with time zone default timezone('utc'::text, now()) not null
);
comment on table public.profiles is 'Who uses it';
comment on column public.profiles.bio is 'It''s about them';

create table if not exists public.channels (
  id bigint generated always as identity primary key,
  slug text not null unique,
  owner_id uuid not null references public.profiles on delete cascade,
  archived_at timestamptz
);
create table messages (
  id bigserial primary key,
  body text,
  author uuid references profiles (id) on delete set null,
  channel bigint not null references public.channels
);
create table public.role_permissions (role app_role, permission text, primary key (role, permission));
create table public.base_events (id text primary key, at timestamptz not null);
create table public.clicks (url text, primary key (id)) inherits (public.base_events);

alter table public.profiles enable row level security;
create policy "Everyone reads" on public.profiles for select using (true);
create policy "Own row" on public.profiles for update using ((select auth.uid()) = id);
create index messages_channel on public.messages using btree (channel, id desc);
create index on public.messages using gin (to_tsvector('english', body));
