"""A table that was there before the model, with a column of every kind, and its use."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any, Final, Literal

import anyio
import psycopg

from ablo_pg import AsyncAblo, Model, define_schema

NOW: Final = dt.datetime.now(dt.UTC)
MOMENT: Final = "(clock_timestamp() at time zone 'UTC')"
DDL: Final = f"""
create table things (
  id text, organization_id text not null, name varchar(20) not null,
  code char(5) not null, kind char(8) not null, real real, double double precision,
  price numeric(10,2), small int2, ok boolean not null, at timestamp, due timestamptz, day date,
  ref uuid, meta jsonb,
  created_at timestamp not null default {MOMENT}, updated_at timestamp not null default {MOMENT},
  primary key (organization_id, id))"""


class Thing(Model):
    name: str
    code: str
    kind: Literal["near", "far"]
    real: float | None = None
    double: float | None = None
    price: Decimal | None = None
    small: int | None = None
    ok: bool
    at: dt.datetime | None = None
    due: dt.datetime | None = None
    day: dt.date | None = None
    ref: uuid.UUID | None = None
    meta: dict[str, Any] | None = None


SCHEMA = define_schema(things=Thing)
WRITTEN: Final[dict[str, Any]] = {
    "name": "né", "code": "b", "kind": "near", "real": 0.1, "double": 0.1 + 0.2,
    "price": Decimal("12.50"), "small": 7, "ok": True,
    "at": dt.datetime(2024, 6, 1, 12, 0, 0, 123456, tzinfo=dt.UTC),
    "due": dt.datetime(2024, 7, 3, 23, 30, tzinfo=dt.timezone(dt.timedelta(hours=-3))),
    "day": dt.date(2024, 3, 4), "ref": uuid.UUID(int=7), "meta": {"π": [1.5, "é", None]},
}  # fmt: skip
# Between the first row and the third in every column, by a writer of plain SQL.
INSERT: Final = """
insert into public.things (
  id, organization_id, name, code, kind, "real", double, price, small, ok, at, due, day, ref, meta)
values (
  %(id)s, %(organization)s, 'n' || chr(234), 'b1', 'near', 0.30000001, 1 / 3.0::float8, 99.99, 8,
  true, timestamp '2024-06-01 12:00:01', timestamptz '2024-07-04 03:00:00+00', '2024-05-03',
  '00000000-0000-0000-0000-000000000008', '{"a": 1}')"""
ORDERS: Final = tuple(name for name in WRITTEN if name != "meta")


async def transcript(
    ablo: AsyncAblo, writer: psycopg.AsyncConnection[Any], organization: str
) -> Any:
    """Write by the API and by plain SQL; read each way; return all that was seen."""
    one, two, three = (f"{organization}{n}" for n in (1, 2, 3))
    seen: dict[str, Any] = {}
    async with ablo.things.subscribe() as changes:
        created = await ablo.things.create(WRITTEN, id=one)
        await writer.execute(INSERT, {"id": two, "organization": organization})
        back = {name: getattr(created, name) for name in WRITTEN}
        again = await ablo.things.update(one, back)
        await ablo.things.create(WRITTEN | {"name": "nz", "code": "c", "double": 0.4}, id=three)
        await writer.execute("update public.things set price = price + 0.01 where id = %s", [two])
        with anyio.fail_after(30):
            streamed = [await anext(changes) for _ in range(5)]
    seen["stream"] = [(c.op, c.id[-1], value(c.row), c.changed) for c in streamed]
    seen["answers"] = [value(created), value(again)]
    assert value(created) == value(again), "what is written back as read stays as it is"
    read = [await ablo.things.retrieve(row_id) for row_id in (one, two, three)]
    seen["read"] = [value(row) for row in read]
    for change in streamed:
        assert abs(change.created_at - NOW) < dt.timedelta(hours=1)
    for row in read:
        assert abs(row.created_at - NOW) < dt.timedelta(hours=1)
        assert abs(row.updated_at - NOW) < dt.timedelta(hours=1)
    history = [await ablo.things.history(id=row_id) for row_id in (one, two)]
    seen["log"] = [[value(entry.row) for entry in page] for page in history]
    seen["pages"] = {name: await pages(ablo, name) for name in ORDERS}
    seen["found"] = {name: await found(ablo, {name: getattr(read[1], name)}) for name in ORDERS}
    async with ablo.things.claim(id=two, action="née") as claim:
        listed = await ablo.things.claim.state(two)
        assert listed is not None
        seen["claim"] = [value(claim.row), listed.action]
        await ablo.things.update(two, {"small": 9})
        assert 0 < (listed.expires_at - dt.datetime.now(dt.UTC)).total_seconds() < 3600
    stamp = (await ablo.snapshot(things=one)).stamp
    await ablo.things.update(one, {"small": 3}, read_at=stamp, on_stale="reject")
    return seen


async def pages(ablo: AsyncAblo, name: str) -> list[str]:
    """Return the ids, two a page, forwards and backwards. Endless pages are cut."""
    seen = []
    for order in (name, f"-{name}"):
        after = None
        for _ in range(6):
            page = await ablo.things.list(order_by=order, limit=2, after=after)
            seen += [row.id[-1] for row in page]
            after = page.next_cursor
            if not page.has_more:
                break
    return seen


async def found(ablo: AsyncAblo, where: dict[str, Any]) -> list[str]:
    return [row.id[-1] for row in await ablo.things.list(where=where)]


def value(row: Thing | None) -> Any:
    """A row without what differs from run to run."""
    return row and {name: getattr(row, name) for name in WRITTEN}
