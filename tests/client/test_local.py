"""The local copy: equal to the database, current through everything, with queued writes on top."""

from __future__ import annotations

import datetime as dt
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest

from ablo_pg import Ablo, AbloError, AbloValidationError, AsyncAblo
from ablo_pg.client.local import bootstrap
from ablo_pg.testing import DatabaseHandle

from .conftest import SCHEMA, MakeClient, Place
from .relay_thread import RelayThread, make_key
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ablo(make_client: MakeClient) -> AsyncAblo:
    return make_client(local=True)


async def fill(ablo: AsyncAblo, count: int = 8) -> None:
    for n in range(count):
        data: dict[str, Any] = {"title": f"t{n}", "count": n, "status": ("todo", "done")[n % 2]}
        if n % 3:
            data |= {"price": f"{n}.50", "meta": {"n": n}, "tags": [str(n)]}
            data |= {"due_date": dt.datetime(2026, 1, n + 1, tzinfo=dt.UTC), "score": n / 2}
        await ablo.tasks.create(data, id=f"id{n}")


async def test_it_begins_with_what_is_there_and_follows(
    ablo: AsyncAblo, make_client: MakeClient, until: Any
) -> None:
    other = make_client(participant="agent:other")
    await fill(other)
    await other.tasks.archive("id7")
    await ablo.ready()
    local = ablo.tasks.local
    assert sorted(local.list(), key=lambda row: row.id) == await ablo.tasks.list(order_by="id")
    assert local.get("id1") == await ablo.tasks.retrieve("id1")
    assert local.get("id7") is local.get("none") is None
    assert (local.count(), local.count({"status": "todo"})) == (7, 4)
    await other.tasks.update("id1", {"title": "new"})
    await other.tasks.delete("id2")
    await other.tasks.archive("id3")
    await other.tasks.unarchive("id7")
    last = await other.tasks.create({"title": "last"}, id="id9")
    await until(lambda: local.get("id9") == last)
    assert sorted(local.list(), key=lambda row: row.id) == await ablo.tasks.list(order_by="id")
    assert local.get("id1").title == "new"
    await ablo.tasks.update("id1", {"count": 1}, reads=[local.get("id1")])  # type: ignore[list-item]
    assert ablo.projects.local.list() == []


@pytest.mark.parametrize(
    "where",
    [
        None,
        {"status": "todo"},
        {"count": {"gt": 1, "lte": 5}},
        {"count": [1, 2, 99]},
        {"count": {"not_in": [1, 2]}},
        {"price": None},
        {"price": {"ne": None}},
        {"price": {"ne": "4.5"}},
        {"price": {"lt": 5}},
        {"score": {"gte": 1.0}},
        {"due_date": {"gt": dt.datetime(2026, 1, 3, tzinfo=dt.UTC)}},
        {"title": {"like": "t_"}},
        {"title": {"ilike": "T%"}},
        {"title": {"not_like": "%1"}},
        {"meta": {"eq": {"n": 4}}},
        {"tags": {"ne": ["4"]}},
        {"urgent": False},
        [("count", ">", 2), ("status", "=", "done")],
        {"id": ["id1", "id5"]},
    ],
)
async def test_filters_mean_what_they_mean_in_sql(ablo: AsyncAblo, where: Any) -> None:
    await fill(ablo)
    await ablo.ready()
    for order in (None, "-count", ["status", "-title"], "price", "-due_date"):
        there = await ablo.tasks.list(where, order_by=order)
        assert ablo.tasks.local.list(where, order_by=order) == there
        assert ablo.tasks.local.list(where, order_by=order, limit=2) == there[:2]
    assert ablo.tasks.local.count(where) == len(await ablo.tasks.list(where))


async def test_a_queued_write_shows_at_once(ablo: AsyncAblo, until: Any) -> None:
    await ablo.ready()
    local = ablo.tasks.local
    made = await ablo.tasks.create({"title": "a"}, id="t1", wait="queued")
    assert local.get("t1").title == made.title == "a"
    changed = await ablo.tasks.update("t1", {"title": "b", "count": 2}, wait="queued")
    assert (changed.title, changed.count, local.get("t1")) == ("b", 2, changed)
    handle = ablo.pending(changed)
    assert handle is not None
    receipt = await handle.confirmed(timeout=30)
    assert (handle.state, receipt.status) == ("confirmed", "confirmed")
    assert local.get("t1").title == "b"
    row = await ablo.tasks.retrieve("t1")
    await until(lambda: local.get("t1") == row)
    gone = await ablo.tasks.delete("t1", wait="queued")
    assert gone.status == "queued"
    assert local.get("t1") is None
    handle = ablo.pending(gone)
    assert handle is not None
    await handle.confirmed(timeout=30)
    assert local.get("t1") is None
    assert await ablo.tasks.retrieve("t1") is None
    assert ablo.pending(row) is None  # type: ignore[arg-type]
    copy = ablo._session.local.copy
    assert copy is not None
    await until(lambda: not copy._pending)  # type: ignore[attr-defined]


async def test_a_refused_write_is_rolled_back(
    ablo: AsyncAblo, make_client: MakeClient, until: Any
) -> None:
    other = make_client(participant="agent:other")
    await other.tasks.create({"title": "a"}, id="t1")
    await ablo.ready()
    seen: list[str] = []
    async with other.tasks.claim(id="t1"):
        row = await ablo.tasks.update("t1", {"title": "mine"}, wait="queued")
        assert ablo.tasks.local.get("t1").title == "mine"
        handle = ablo.pending(row)
        assert handle is not None
        handle.on_rejected(lambda error: seen.append(error.code))
        with pytest.raises(AbloError) as caught:
            await handle.confirmed(timeout=30)
    assert caught.value.code == "entity_claimed"
    assert (handle.state, handle.error) == ("rejected", caught.value)
    assert seen == ["entity_claimed"]
    assert ablo.tasks.local.get("t1").title == "a"
    handle.on_rejected(lambda error: seen.append("late"))
    assert seen == ["entity_claimed", "late"]
    again = await ablo.tasks.create({"title": "x"}, id="t1", wait="queued")
    assert again.title == "a"  # there is a row: what a create would be refused for shows nothing
    handle = ablo.pending(again)
    assert handle is not None
    with pytest.raises(AbloError) as caught:
        await handle.confirmed(timeout=30)
    assert caught.value.code == "unique_violation"
    assert await ablo.tasks.retrieve("t1") is not None
    assert [one.title for one in ablo.tasks.local.list()] == ["a"]


async def test_queued_writes_land_in_their_order(ablo: AsyncAblo, until: Any) -> None:
    await ablo.ready()
    await ablo.tasks.create({"title": "0"}, id="t", wait="queued")
    for n in range(1, 30):
        row = await ablo.tasks.update("t", {"title": str(n)}, wait="queued")
        assert ablo.tasks.local.get("t").title == str(n)
    handle = ablo.pending(row)
    assert handle is not None
    await handle.confirmed(timeout=30)
    titles = [one.row.title for one in await ablo.tasks.history("t")]
    assert titles == [str(n) for n in reversed(range(30))]


@pytest.mark.direct("fails inside the client, whichever way it goes")
async def test_a_copy_that_has_ended_says_so(
    ablo: AsyncAblo, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would grow old unseen: whoever reads is told."""
    await ablo.ready()
    copy = ablo._session.local.copy
    assert copy is not None
    monkeypatch.setattr(copy, "_apply", lambda change: 1 / 0)
    await ablo.tasks.create({"title": "a"})
    await until(lambda: copy._failure is not None)  # type: ignore[attr-defined]
    with pytest.raises(AbloError, match="ZeroDivisionError") as caught:
        ablo.tasks.local.list()
    assert caught.value.code == "internal_error"


@pytest.mark.direct("fails inside the client, whichever way it goes")
async def test_a_queued_write_that_fails_holds_up_no_other(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ablo.ready()
    session, real = ablo._session, type(ablo._session).commit

    async def commit(request: Any, *rest: Any) -> Any:
        if b"bad" in request.body:
            raise RuntimeError("something that nobody thought of")
        return await real(session, request, *rest)

    monkeypatch.setattr(type(session), "commit", lambda _, *args: commit(*args))
    bad = await ablo.tasks.create({"title": "bad"}, id="t1", wait="queued")
    good = await ablo.tasks.create({"title": "good"}, id="t2", wait="queued")
    await ablo.pending(good).confirmed(timeout=30)
    with pytest.raises(AbloError, match="RuntimeError"):
        await ablo.pending(bad).confirmed(timeout=30)
    assert ablo.tasks.local.get("t1") is None


@pytest.mark.parametrize(
    ("stored", "asked", "equal"),
    [
        ({"a": True}, {"a": 1}, False),
        ({"a": [1, {"b": 0}]}, {"a": [1.0, {"b": 0}]}, True),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": None}, {"a": False}, False),
    ],
)
async def test_json_is_equal_as_in_sql(
    ablo: AsyncAblo, stored: Any, asked: Any, equal: bool
) -> None:
    await ablo.tasks.create({"title": "a", "meta": stored}, id="t")
    await ablo.ready()
    for where in ({"meta": {"eq": asked}}, {"meta": {"ne": asked}}):
        here = [row.id for row in ablo.tasks.local.list(where)]
        assert here == [row.id for row in await ablo.tasks.list(where)]
        assert bool(here) == (equal == ("eq" in where["meta"]))


async def test_what_cannot_be_queued_is_refused(
    ablo: AsyncAblo, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_client()
    calls: list[tuple[Any, str]] = [
        (lambda: plain.tasks.create({"title": "a"}, wait="queued"), "write_options_invalid"),
        (lambda: ablo.tasks.archive("t", wait="queued"), "write_options_invalid"),
        (lambda: ablo.commits.create([], track=[], wait="queued"), "write_options_invalid"),
        (lambda: ablo.tasks.update("t", {"count": 1}, wait="queued"), "entity_not_found"),
    ]
    with pytest.raises(AbloValidationError) as caught:
        ablo.tasks.local.list()
    assert caught.value.code == "invalid_options"
    await ablo.ready()
    for call, code in calls:
        with pytest.raises(AbloError) as refused:
            await call()
        assert refused.value.code == code
    with pytest.raises(AbloValidationError):
        plain.tasks.local.count()
    with pytest.raises(AbloValidationError):
        make_client(local="tasks")
    with pytest.raises(AbloValidationError):
        ablo.tasks.local.list({"nothing": 1})
    await ablo.tasks.create({"title": "a"})
    await ablo.tasks.create({"title": "b"})
    monkeypatch.setattr(bootstrap, "ROWS_MOST", 1)
    with pytest.raises(AbloError) as too_many:
        await make_client(local=["tasks"]).ready()
    assert too_many.value.code == "quota_exceeded"


async def test_a_cut_log_makes_it_begin_anew(
    ablo: AsyncAblo, make_client: MakeClient, db: DatabaseHandle, until: Any
) -> None:
    """The cursor it stands at is no longer kept: it reads the rows again."""
    await fill(ablo, 3)
    await ablo.ready()
    copy: Any = ablo._session.local.copy
    began: list[int] = []
    begin = copy._begin

    async def noted() -> Any:
        began.append(1)
        return await begin()

    copy._begin = noted
    source: Any = ablo._session.transport
    subscription = next(iter(source._source._open))
    hidden = source._source._hub.log.read

    async def cut(organization: str, after: int, limit: int, through: int | None = None) -> Any:
        if not began:
            from ablo_pg.errors import error_for

            raise error_for("snapshot_required", "The log begins later", remedy="read anew")
        return await hidden(organization, after, limit, through)

    source._source._hub.log.read = cut
    subscription.cut()
    other = make_client(participant="agent:other")
    await other.tasks.delete("id1")
    await until(lambda: bool(began) and ablo.tasks.local.get("id1") is None)
    await other.tasks.update("id0", {"title": "after"})
    await until(lambda: ablo.tasks.local.get("id0").title == "after")


@pytest.mark.relay("the relay goes away")
async def test_it_is_current_after_every_reconnect(db: DatabaseHandle, until: Any) -> None:
    """And what is queued meanwhile waits, shows, and lands."""
    direct: dict[str, Any] = {
        "database_url": db.database_url,
        "organization": "acme",
        "participant": "agent:w",
    }
    with RelayThread(db) as relay:
        options: dict[str, Any] = {
            "base_url": relay.url,
            "api_key": make_key(db),
            "local": ["tasks"],
        }
        async with (
            AsyncAblo(schema=SCHEMA, **direct) as writer,
            AsyncAblo(schema=SCHEMA, timeout=30, **options) as ablo,
        ):
            await ablo.ready()
            for step in range(2):
                await anyio.to_thread.run_sync(relay.stop)
                await writer.tasks.create({"title": "there"}, id=f"there{step}")
                row = await ablo.tasks.create({"title": "h"}, id=f"here{step}", wait="queued")
                assert ablo.tasks.local.get(f"here{step}") == row
                handle = ablo.pending(row)
                assert handle is not None
                assert handle.state == "queued"
                await anyio.to_thread.run_sync(relay.start)
                await handle.confirmed(timeout=30)
                await until(lambda step=step: ablo.tasks.local.get(f"there{step}") is not None)
            rows = await writer.tasks.list(order_by="id")
            await until(lambda: ablo.tasks.local.list() == rows)


async def test_it_equals_a_select_after_random_writes(
    ablo: AsyncAblo, db: DatabaseHandle, organization: str, until: Any
) -> None:
    """Written by plain SQL while it begins and after: nothing is missed, nothing comes back."""
    async with await psycopg.AsyncConnection.connect(db.admin_url, autocommit=True) as conn:

        async def write(rounds: int) -> None:
            for n in range(rounds):
                await conn.execute(
                    "insert into tasks (id, organization_id, title, status, count, urgent, tags)"
                    " select 'r' || i, %s, 'x', 'todo', %s, false, '[]'"
                    "   from generate_series(%s::int, %s::int) i on conflict do nothing",
                    [organization, n, n, n + 20],
                )
                for change in ("update tasks set count = count + 1", "delete from tasks"):
                    some = f"{change} where organization_id = %s and random() < 0.25"
                    await conn.execute(some.encode(), [organization])

        async with anyio.create_task_group() as group:
            group.start_soon(write, 25)
            await ablo.ready()
        await write(5)
        last = await ablo.tasks.create({"title": "last"})
    receipt = ablo.receipt(last)
    assert receipt is not None
    await until(lambda: ablo.tasks.local.position >= receipt.last_sync_id)
    there = await ablo.tasks.list(limit=1000, order_by="id")
    assert ablo.tasks.local.list() == there


def test_the_sync_client_has_one_too(place: Place, schema: Any) -> None:
    with Ablo(schema=schema, timeout=30, local=["tasks"], **place("user:ann")) as ablo:
        ablo.ready()
        row = ablo.tasks.create({"title": "a"}, id="t1", wait="queued")
        assert ablo.tasks.local.get("t1") == row
        pending = ablo.pending(row)
        assert pending is not None
        assert pending.confirmed(timeout=30).ops == 1
        assert (pending.state, pending.error) == ("confirmed", None)
        assert ablo.tasks.local.count({"title": "a"}) == 1
