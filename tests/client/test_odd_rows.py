"""Rows that Python has no values for, written by plain SQL: every way of reading goes on.

What has no typed value says so on its field (`unread_fields`), and everything behind it arrives.
"""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest
from websockets.exceptions import InvalidHandshake

from ablo_pg import AbloValidationError, AsyncAblo, RawJson, unread_fields
from ablo_pg.testing import DatabaseHandle

from .conftest import SCHEMA, MakeClient, MakeSync, Until
from .relay_thread import RelayThread, make_key

pytestmark = pytest.mark.anyio


def nested(levels: int) -> str:
    return f"""(repeat('{{"a":', {levels}) || '1' || repeat('}}', {levels}))::jsonb"""


# id -> (SQL of some columns, the fields that have no typed value)
ODD: dict[str, tuple[dict[str, str], set[str]]] = {
    "deep": ({"meta": """(repeat('{"a":', 300) || '1' || repeat('}', 300))::jsonb"""}, {"meta"}),
    "deeper": (
        {"meta": """(repeat('{"a":', 5000) || '1' || repeat('}', 5000))::jsonb"""},
        {"meta"},
    ),
    "digits": ({"meta": "'{\"n\": 1e5000}'"}, {"meta"}),
    "huge": ({"meta": "'{\"n\": [1e131071, -1e309]}'"}, {"meta"}),
    "small": ({"meta": "'{\"n\": 1e-16000}'"}, set()),
    "bc": (
        {"due_date": "'0044-03-15 00:00:00+00 BC'", "day": "'0044-03-15 BC'"},
        {"due_date", "day"},
    ),
    "far": ({"due_date": "'20231-01-01 00:00:00+00'", "day": "'20231-01-01'"}, {"due_date", "day"}),
    "infinite": ({"due_date": "'infinity'", "day": "'-infinity'"}, {"due_date", "day"}),
    "midnight": ({"due_date": "'2026-01-01 24:00:00+00'"}, set()),
    "nan": ({"score": "'NaN'", "price": "'NaN'"}, {"price"}),
    "lines": ({"title": "E'a\\u2028b\\u2029c\\u0085d'"}, set()),
    "escapes": ({"title": "E'\\u001b]0;x\\u0007'", "meta": "'{\"\\\\u0001\": 1}'"}, set()),
    "large": ({"title": "repeat('x', 3000000)"}, set()),
}


def insert(db: DatabaseHandle) -> None:
    with psycopg.connect(db.admin_url) as conn:
        for constraint in conn.execute(
            "select conname from pg_constraint where conrelid = 'tasks'::regclass and contype = 'c'"
        ).fetchall():
            conn.execute(f'alter table tasks drop constraint "{constraint[0]}"')
        for row_id, (columns, _) in ODD.items():
            given = {
                "id": f"'{row_id}'",
                "organization_id": "'acme'",
                "title": "'t'",
                "tags": "'[]'",
            } | columns
            statement = (
                f"insert into tasks ({', '.join(given)}) values ({', '.join(given.values())})"
            )
            conn.execute(statement)


def check(rows: dict[str, Any]) -> None:
    assert rows.keys() == ODD.keys()
    for row_id, (_, unread) in ODD.items():
        found = unread_fields(rows[row_id])
        assert found.keys() == unread, row_id
        for name, error in found.items():
            assert (error.code, error.field, error.row_id) == ("column_type_mismatch", name, row_id)
    assert rows["digits"].meta == RawJson('{"n": 1' + "0" * 5000 + "}")
    assert unread_fields(rows["deeper"])["meta"].details["raw"].count("{") == 5000
    assert rows["bc"].due_date == "0044-03-15T00:00:00+00:00 BC"
    assert unread_fields(rows["infinite"])["due_date"].details["raw"] == '"infinity"'
    assert rows["lines"].title == "a\u2028b\u2029c\x85d"
    assert (len(rows["large"].title), rows["midnight"].due_date.day) == (3_000_000, 2)
    assert rows["nan"].score != rows["nan"].score


@pytest.fixture
def odd(db: DatabaseHandle) -> DatabaseHandle:
    insert(db)
    return db


async def test_reads_go_on(odd: DatabaseHandle, make_client: MakeClient) -> None:
    ablo = make_client()
    check({row.id: row for row in await ablo.tasks.list()})
    check({row_id: await ablo.tasks.retrieve(row_id) for row_id in ODD})
    snapshot = await ablo.snapshot(tasks=list(ODD))
    check(dict(snapshot.tasks))
    check({row_id: (await ablo.tasks.history(id=row_id))[0].row for row_id in ODD})
    now = (await ablo.tasks.list()).stamp
    check({row_id: await ablo.tasks.retrieve(row_id, at=now) for row_id in ODD})


async def test_a_stream_and_a_local_copy_go_on(
    db: DatabaseHandle, make_client: MakeClient, until: Until
) -> None:
    ablo = make_client(local=True)
    await ablo.ready()
    async with ablo.tasks.subscribe() as changes:
        insert(db)
        with anyio.fail_after(30):
            seen = [await anext(changes) for _ in ODD]
    check({change.id: change.row for change in seen})
    await until(lambda: ablo.tasks.local.count() == len(ODD))
    check({row.id: row for row in ablo.tasks.local.list(order_by="due_date")})
    again = make_client(local=True, participant="agent:late")
    await again.ready()
    check({row.id: row for row in again.tasks.local.list({"title": {"ne": "-"}})})
    assert again.tasks.local.count({"meta": {"eq": {"n": 1}}}) == 0


async def test_claims_and_functional_updates_go_on(
    odd: DatabaseHandle, make_client: MakeClient
) -> None:
    ablo = make_client()
    rows = {}
    for row_id in ODD:
        async with ablo.tasks.claim(row_id) as claim:
            rows[row_id] = claim.data
    check(rows)
    for row_id in ("deeper", "huge", "infinite", "bc"):
        row = await ablo.tasks.update(row_id, lambda row: {"count": row.count + 1})
        assert (row.count, unread_fields(row).keys()) == (1, ODD[row_id][1])
    # A stale write that is told what is there now.
    stale = await ablo.commits.create(
        [
            {"action": "update", "model": "tasks", "id": "huge", "data": {"title": "new"}}
            | {"read_at": 0, "on_stale": "notify"}
        ]
    )
    assert stale.notifications[0].current_values is not None
    # What was not read is not written back.
    with pytest.raises(AbloValidationError) as refused:
        await ablo.tasks.update("huge", {"meta": {"copy": rows["huge"].meta}})
    assert refused.value.field == "meta"


async def test_a_queued_write_lies_over_an_odd_row(
    odd: DatabaseHandle, make_client: MakeClient
) -> None:
    ablo = make_client(local=True)
    await ablo.ready()
    for row_id in ("infinite", "digits"):
        row = await ablo.tasks.update(row_id, {"title": "queued"}, wait="queued")
        assert row.title == "queued"
        local = ablo.tasks.local.get(row_id)
        assert local is not None
        assert unread_fields(local).keys() == ODD[row_id][1]
        await ablo.pending(row).confirmed(timeout=30)


def test_the_twin_reads_them_too(odd: DatabaseHandle, make_sync: MakeSync) -> None:
    ablo = make_sync()
    check({row.id: row for row in ablo.tasks.list()})
    with ablo.tasks.subscribe(cursor=0) as changes:
        check({change.id: change.row for _, change in zip(ODD, changes, strict=False)})


@pytest.mark.relay("an event stream")
async def test_an_event_stream_splits_where_its_format_does(
    odd: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that lets no socket through: text of rows holds what Unicode calls line ends."""

    def refuse(*_: object, **__: object) -> None:
        raise InvalidHandshake("not here")

    monkeypatch.setattr("ablo_pg.client.remote.stream.connect", refuse)
    with RelayThread(odd) as relay:
        key = make_key(odd, "acme", "agent:a")
        async with (
            AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key) as ablo,
            ablo.tasks.subscribe(cursor=0) as changes,
        ):
            with anyio.fail_after(30):
                seen = [await anext(changes) for _ in ODD]
            assert ablo.reader_status.kind == "events"
    check({change.id: change.row for change in seen})
