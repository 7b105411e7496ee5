"""The database that agents fight in, and its own account of what happened there.

`AUDIT` notes every state of every claim in a table of the test's, with the newest sync id of the
claimed row; `ablo.delta` has the writes. No client is asked about either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, LiteralString, TypeVar

import psycopg

from ablo_pg.testing import DatabaseHandle

from .history import History, Version, Write
from .models import ORGANIZATION

T = TypeVar("T")
# Seconds. Protects the test run from a wait that never ends; a false alarm fails the test.
PATIENCE: Final = 40.0

AUDIT: Final[LiteralString] = """
create table claim_audit (
  seq bigserial primary key, at timestamptz not null, stamp bigint not null, state jsonb not null);
create function claim_note() returns trigger language plpgsql security definer as $$
begin
  insert into public.claim_audit (at, stamp, state)
  values (clock_timestamp(),
          (select coalesce(max(d.sync_id), 0) from ablo.delta d
            where d.organization_id = new.organization_id and d.model = new.model
              and d.row_id = new.row_id),
          to_jsonb(new));
  return null;
end $$;
create trigger claim_note after insert or update on ablo.claim
  for each row execute function claim_note();
alter table ablo.claim enable always trigger claim_note"""

VERSIONS: Final[LiteralString] = """
select state ->> 'id', state ->> 'status', state ->> 'participant', (state ->> 'ticket')::bigint,
       extract(epoch from at)::float8,
       extract(epoch from (state ->> 'expires_at')::timestamptz)::float8,
       stamp, (state ->> 'model') || '/' || (state ->> 'row_id'),
       (select array_agg(lower(f)) from jsonb_array_elements_text(nullif(state -> 'fields', 'null')) f),
       (state ->> 'fence_token')::bigint
  from claim_audit order by seq"""  # noqa: E501

WRITES: Final[LiteralString] = """
select sync_id, actor, claim_id, extract(epoch from created_at)::float8,
       coalesce(extract(epoch from ("row" ->> 'updatedAt')::timestamptz), 0)::float8,
       coalesce(transaction_id, case when 'count' = any (changed) then "row" ->> 'note' end),
       model || '/' || row_id,
       case when op = 'U' then array(select lower(c) from unnest(changed) c
                                      where c <> 'updatedAt') end,
       "row"
  from ablo.delta order by sync_id"""


@dataclass(frozen=True, slots=True)
class Ground:
    """A database with the audit. `admin` is a superuser's session in it, autocommit."""

    handle: DatabaseHandle
    admin: psycopg.Connection[tuple[Any, ...]]

    def seed(self, rows: int, *, table: LiteralString = "counters") -> list[str]:
        """Make rows r1, r2, ... and return their ids."""
        names = [f"r{number}" for number in range(1, rows + 1)]
        for name in names:
            self.admin.execute(
                f"insert into {table} (organization_id, id, count) values (%s, %s, 0)",
                [ORGANIZATION, name],
            )
        return names

    def rows(self, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return self.admin.execute(query, values).fetchall()

    def history(self) -> History:
        """Everything noted so far."""
        return History(
            [
                Version(*row[:8], None if row[8] is None else frozenset(row[8]), row[9])  # type: ignore[call-arg]
                for row in self.rows(VERSIONS)
            ],
            [
                Write(*row[:7], None if row[7] is None else frozenset(row[7]), row[8])  # type: ignore[call-arg]
                for row in self.rows(WRITES)
            ],
        )


def install_audit(conn: psycopg.Connection[Any]) -> None:
    """Note every state of every claim from here on."""
    conn.execute(AUDIT)


@contextmanager
def opened(handle: DatabaseHandle) -> Iterator[Ground]:
    """Open a superuser's session in a database that has the audit."""
    with psycopg.connect(handle.admin_url, autocommit=True) as admin:
        yield Ground(handle, admin)


def wait_until(test: Callable[[], T], *, patience: float = PATIENCE, pause: float = 0.02) -> T:
    """Return the first true answer of `test`, asked again and again."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := test():
            return answer
        time.sleep(pause)
    raise AssertionError("it did not happen in time")
