"""history, retrieve(at=), and on_behalf_of through both clients."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from ablo_pg import Ablo, AbloStaleContextError, AbloValidationError, AsyncAblo
from ablo_pg.testing import DatabaseHandle

from .conftest import MakeClient
from .shared import own_organization, shared, shared_db, shared_relay  # noqa: F401 - fixtures

pytestmark = pytest.mark.anyio


async def test_a_row_s_history_is_typed(ablo: AsyncAblo, schema: Any) -> None:
    due = dt.datetime(2026, 2, 28, 23, 59, tzinfo=dt.UTC)
    made = await ablo.tasks.create({"title": "a"}, id="t1")
    changed = await ablo.tasks.update(id="t1", data={"due_date": due, "count": 2})
    await ablo.tasks.archive("t1")
    await ablo.tasks.unarchive("t1")
    gone = await ablo.tasks.delete("t1")
    found = await ablo.tasks.history(id="t1")
    assert [one.op for one in found] == ["delete", "unarchive", "archive", "update", "create"]
    assert found[0].row is None
    assert found[0].sync_id == gone.last_sync_id
    assert (found[3].row, found[4].row) == (changed, made)
    assert isinstance(found[3].row, schema.models["tasks"])
    assert {"due_date", "count"} <= set(found[3].changed)
    assert [one.changed for one in (found[0], found[4])] == [(), ()]
    assert {one.actor for one in found} == {"agent:triage"}
    assert found[3].before == {"updated_at": made.updated_at, "due_date": None, "count": 0}
    assert found[4].before is None
    assert found[0].before == dict(changed) | {"updated_at": found[1].row.updated_at}
    assert [one.before["archived_at"] for one in found[1:3] if one.before] == [
        found[2].row.archived_at, None
    ]  # fmt: skip
    assert [one.at for one in found] == sorted((one.at for one in found), reverse=True)
    assert found[0].at.utcoffset() == dt.timedelta(0)
    assert (found.next_before, found.kept_after) == (None, 0)


async def test_history_is_paged(ablo: AsyncAblo) -> None:
    await ablo.tasks.create({"title": "a"}, id="t1")
    for count in range(4):
        await ablo.tasks.update("t1", {"count": count})
    seen = [one.sync_id for one in await ablo.tasks.history("t1")]
    paged: list[int] = []
    before = None
    sizes = []
    while True:
        page = await ablo.tasks.history("t1", limit=2, before=before)
        paged += [one.sync_id for one in page]
        sizes.append(len(page))
        if (before := page.next_before) is None:
            break
    assert (paged, sizes) == (seen, [2, 2, 1])
    assert await ablo.tasks.history("nowhere") == []


@pytest.mark.parametrize(
    "options", [{"limit": 0}, {"limit": True}, {"limit": 1001}, {"before": -1}]
)
async def test_history_refuses_nonsense(ablo: AsyncAblo, options: Any) -> None:
    with pytest.raises(AbloValidationError) as caught:
        await ablo.tasks.history("t1", **options)
    assert caught.value.code == "invalid_options"
    assert caught.value.field in options


async def test_retrieve_at_a_position(ablo: AsyncAblo) -> None:
    await ablo.projects.create({"name": "p"})
    start = (await ablo.snapshot(tasks=[])).stamp
    first = await ablo.tasks.create({"title": "a"}, id="t1")
    then = (await ablo.snapshot(tasks=[])).stamp
    await ablo.tasks.update("t1", {"title": "b"})
    gone = await ablo.tasks.delete("t1")
    assert await ablo.tasks.retrieve(id="t1", at=start) is None
    assert await ablo.tasks.retrieve(id="t1", at=then) == first
    assert await ablo.tasks.retrieve(id="t1", at=gone.last_sync_id) is None
    with pytest.raises(AbloValidationError) as caught:
        await ablo.tasks.retrieve(id="t1", at=gone.last_sync_id + 1)
    assert caught.value.code == "cursor_ahead"
    for nonsense in (-1, True, "7", 2**63):
        with pytest.raises(AbloValidationError) as caught:
            await ablo.tasks.retrieve(id="t1", at=nonsense)  # type: ignore[arg-type]
        assert (caught.value.code, caught.value.field) == ("invalid_options", "at")


async def test_a_past_row_is_a_premise_of_its_own_time(ablo: AsyncAblo) -> None:
    """It says "unchanged since then": true while nothing moved, stale ever after, never fresh."""
    await ablo.tasks.create({"title": "a"}, id="t1")
    await ablo.tasks.create({"title": "other"}, id="t2")
    first = (await ablo.tasks.history("t1"))[0].sync_id
    head = (await ablo.snapshot(tasks=[])).stamp
    past = await ablo.tasks.retrieve("t1", at=head)
    assert past is not None
    await ablo.tasks.update("t2", {"count": 1}, reads=[past])
    await ablo.tasks.update("t1", {"title": "b"})
    past = await ablo.tasks.retrieve("t1", at=first)
    assert past is not None
    assert past.title == "a"
    entry = (await ablo.tasks.history("t1"))[-1]
    assert entry.row is not None
    for premise in (past, entry.row):
        with pytest.raises(AbloStaleContextError):
            await ablo.tasks.update("t2", {"count": 2}, reads=[premise])


async def test_rows_of_an_older_schema_are_read(ablo: AsyncAblo, db: DatabaseHandle) -> None:
    """A field that did not exist is its default or None; one that no longer exists is left out."""
    await ablo.tasks.create({"title": "a", "count": 9}, id="t1")
    with psycopg.connect(db.admin_url) as conn:
        conn.execute(
            """update ablo.delta set "row" = (("row"::jsonb - 'count' - 'dueDate' - 'title')
                 || '{"removed": [1, {"x": null}]}')::json"""
        )
    (entry,) = await ablo.tasks.history("t1")
    past = await ablo.tasks.retrieve("t1", at=entry.sync_id)
    for row in (entry.row, past):
        assert row is not None
        assert (row.id, row.count, row.due_date, row.title) == ("t1", 0, None, None)
        assert not hasattr(row, "removed")


@pytest.mark.direct("over a relay the key says who acts")
async def test_every_way_to_write_says_on_behalf_of_whom(
    make_client: MakeClient, db: DatabaseHandle
) -> None:
    """Alone, in a batch, joined to a transaction; the stream and the history both tell."""
    ablo = make_client(on_behalf_of="user:ann")
    async with ablo.tasks.subscribe() as changes:
        await ablo.tasks.create({"title": "a"}, id="t1")
        operation = {"action": "update", "model": "tasks", "id": "t1", "data": {"count": 1}}
        async with await psycopg.AsyncConnection.connect(db.database_url) as conn:
            await ablo.commits.create([operation], connection=conn)
        change = await changes.__anext__()
    assert (change.actor, change.on_behalf_of) == ("agent:triage", "user:ann")
    assert (change.capability_id, change.claim_id) == (None, None)
    found = await ablo.tasks.history("t1")
    assert [(one.op, one.on_behalf_of) for one in found] == [
        ("update", "user:ann"),
        ("create", "user:ann"),
    ]
    await make_client().tasks.update("t1", {"count": 2})
    assert (await ablo.tasks.history("t1"))[0].on_behalf_of is None


@pytest.mark.direct("over a relay the key says who acts")
async def test_the_claim_and_the_authority_reach_change_and_history(
    make_client: MakeClient, db: DatabaseHandle
) -> None:
    ablo = make_client(on_behalf_of="user:ann")
    await ablo.projects.create({"name": "p"}, id="p")
    async with ablo.projects.subscribe() as changes:
        async with ablo.projects.claim(id="p") as claim:
            await ablo.projects.update("p", {"name": "q"})
        with psycopg.connect(db.admin_url) as conn:
            conn.execute("set local app.current_participant_id = 'agent:x'")
            conn.execute("set local ablo.capability_id = 'cap-1'")
            conn.execute("update projects set name = 'r'")
        told = [await changes.__anext__(), await changes.__anext__()]
    found = (await ablo.projects.history("p", limit=2))[::-1]
    for one, other in (told, found):
        who = (one.actor, one.on_behalf_of, one.capability_id, one.claim_id)
        assert who == ("agent:triage", "user:ann", None, claim.id)
        who = (other.actor, other.on_behalf_of, other.capability_id, other.claim_id)
        assert who == ("agent:x", None, "cap-1", None)


@pytest.mark.direct("over a relay the key says who acts")
@pytest.mark.parametrize("given", ["ann", "robot:x", "user:", "", "user:a\x00"])
async def test_on_behalf_of_is_checked(make_client: MakeClient, given: str) -> None:
    with pytest.raises(AbloValidationError) as caught:
        make_client(on_behalf_of=given)
    assert (caught.value.code, caught.value.field) == ("invalid_participant_kind", "on_behalf_of")


def test_the_sync_client_has_it_too(db: DatabaseHandle, schema: Any) -> None:
    options: dict[str, Any] = {
        "organization": "acme",
        "participant": "agent:a",
        "on_behalf_of": "user:ann",
    }
    with Ablo(schema=schema, database_url=db.database_url, timeout=30, **options) as ablo:
        first = ablo.tasks.create({"title": "a"}, id="t1")
        with psycopg.connect(db.database_url) as conn:
            operation = {"action": "update", "model": "tasks", "id": "t1", "data": {"count": 1}}
            ablo.commits.create([operation], connection=conn)
        newest, oldest = ablo.tasks.history(id="t1")
        assert (newest.on_behalf_of, oldest.on_behalf_of) == ("user:ann", "user:ann")
        assert ablo.tasks.retrieve(id="t1", at=oldest.sync_id) == first
