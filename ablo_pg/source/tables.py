"""The two tables that an endpoint keeps in its owner's database, as SQL to be run once.

They are those of the TypeScript SDK's adapters, so that both can stand behind one service: tables
that its adapters made are kept, and given what they lack.

Order of the outbox: an event's cursor is drawn under a lock that the transaction holds to its end,
so that cursors become visible in their order, and a reader that has seen n has seen all before it.
The trigger takes it before the first default is evaluated, for every writer of the table.
"""

from __future__ import annotations

from typing import Final

ORDER_KEY: Final = 7235422064520298  # of the advisory lock of this database's outbox

TABLES: Final = f"""\
create table if not exists ablo_idempotency (
  client_tx_id text primary key,  -- the correlation id
  response jsonb not null,
  request_hash text,
  expires_at timestamptz not null default 'infinity',
  created_at timestamptz not null default now()
);

create table if not exists ablo_outbox (
  cursor bigserial primary key,
  id text not null unique,
  model text not null,
  entity_id text not null,
  type text not null,
  data jsonb,
  organization_id text,
  client_tx_id text,
  correlation_id text,
  transaction_id text,
  occurred_at bigint,
  created_at timestamptz not null default now()
);

-- what the tables of the SDK's 0.14 lack
alter table ablo_idempotency
  add column if not exists request_hash text,
  add column if not exists expires_at timestamptz not null default 'infinity';
alter table ablo_outbox
  add column if not exists correlation_id text,
  add column if not exists transaction_id text;

create or replace function ablo_outbox_order() returns trigger language plpgsql as $$
begin
  perform pg_advisory_xact_lock({ORDER_KEY});
  return null;
end
$$;

create or replace trigger ablo_outbox_order before insert on ablo_outbox
  for each statement execute function ablo_outbox_order();
"""
