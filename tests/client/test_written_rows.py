"""A write gives its row back in one statement, and over a relay in one request."""

from __future__ import annotations

from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg import (
    AbloNotFoundError,
    AbloPermissionError,
    AsyncAblo,
    Receipt,
    unread_fields,
)
from ablo_pg.testing import DatabaseHandle
from ablo_pg.wire.committed import Committed

from .conftest import SCHEMA, MakeClient
from .relay_thread import RelayThread, make_key

pytestmark = pytest.mark.anyio


@pytest.mark.direct("counts the statements of its one connection")
async def test_an_update_is_one_statement(db: DatabaseHandle, make_client: MakeClient) -> None:
    with psycopg.connect(db.admin_url, autocommit=True) as admin:
        name = admin.info.dbname
        for setting in ("log_statement = 'all'", "client_min_messages = 'log'"):
            admin.execute(f'alter database "{name}" set {setting}'.encode())
    ablo = make_client(pool_max_size=1)
    task = await ablo.tasks.create({"title": "a"})
    transport: Any = ablo._session.transport
    said: list[str] = []
    async with transport._database._connection() as conn:  # the only one
        conn.add_notice_handler(lambda diag: said.append(diag.message_primary))
    for count in range(8):  # past the sixth, which psycopg prepares
        row = await ablo.tasks.update(task.id, {"count": count})
        assert (row.title, row.count) == ("a", count)
    assert len(said) == 8, said
    assert all("select ablo.commit(" in one for one in said), said


@pytest.mark.relay("counts requests")
async def test_an_update_is_one_request(db: DatabaseHandle) -> None:
    sent: list[str] = []

    async def noted(method: str, path: str, content: bytes | None) -> bytes:
        sent.append(f"{method} {path}")
        return await send(method, path, content)

    with RelayThread(db) as relay:
        client = AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=make_key(db))
        async with client as ablo:
            task = await ablo.tasks.create({"title": "a"})
            http: Any = ablo._session.transport._http  # type: ignore[attr-defined]
            send, http._send = http._send, noted
            row = await ablo.tasks.update(task.id, {"count": 3})
            assert (row.title, row.count) == ("a", 3)
            assert sent == ["POST /api/v1/commits"]


async def test_each_of_many_gets_its_own_row(ablo: AsyncAblo) -> None:
    rows: dict[int, Any] = {}

    async def write(number: int) -> None:
        rows[number] = await ablo.tasks.create({"title": f"n{number}", "count": number})

    async with anyio.create_task_group() as group:
        for number in range(40):
            group.start_soon(write, number)
    assert {number: (row.title, row.count) for number, row in rows.items()} == {
        number: (f"n{number}", number) for number in range(40)
    }


async def test_a_row_deleted_right_after_does_not_fail_its_write(
    ablo: AsyncAblo, make_client: MakeClient
) -> None:
    other = make_client("agent:b")
    await ablo.tasks.create({"title": "a"}, id="t1")
    transport: Any = ablo._session.transport
    commit = transport.commit

    async def then_delete(request: Any) -> Any:
        done = await commit(request)
        await other.tasks.delete("t1")
        return done

    transport.commit = then_delete
    row = await ablo.tasks.update("t1", {"count": 5})
    assert (row.title, row.count) == ("a", 5)


async def test_a_retry_that_finds_its_row_deleted_has_the_receipt(ablo: AsyncAblo) -> None:
    first = await ablo.tasks.create({"title": "a"}, idempotency_key="k")
    await ablo.tasks.delete(first.id)
    again = await ablo.tasks.create({"title": "a"}, idempotency_key="k")
    assert again.id == first.id
    assert ablo.receipt(again) == ablo.receipt(first)
    assert {error.code for error in unread_fields(again).values()} == {"entity_not_found"}
    with pytest.raises(AbloNotFoundError, match="deleted"):
        _ = again.title


async def test_a_functional_update_whose_row_is_deleted_has_its_receipt(ablo: AsyncAblo) -> None:
    task = await ablo.tasks.create({"title": "a"})
    done = await ablo.tasks.update(task.id, lambda row: {"count": 1}, idempotency_key="k")
    await ablo.tasks.delete(task.id)
    again = await ablo.tasks.update(task.id, lambda row: {"count": 2}, idempotency_key="k")
    assert ablo.receipt(again) == ablo.receipt(done)
    assert "count" in unread_fields(again)


@pytest.mark.relay("a key")
async def test_a_key_that_may_only_write_gets_its_receipt(db: DatabaseHandle) -> None:
    key = make_key(db, operations=["tasks.create", "tasks.update"])
    with RelayThread(db) as relay:
        client = AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key)
        async with client as ablo:
            made = await ablo.tasks.create({"title": "a"}, id="t1")
            row = await ablo.tasks.update("t1", {"count": 2})
            archived = await ablo.tasks.archive("t1")
    for one in (made, row, archived):
        receipt = ablo.receipt(one)
        assert isinstance(receipt, Receipt)
        assert receipt.ops == 1
        assert one.id == "t1"
        assert repr(one) == "Task(id='t1')"
        assert one.model_dump() == {"id": "t1"}
        assert unread_fields(one).keys() == type(one).model_fields.keys() - {"id"}
        with pytest.raises(AbloPermissionError) as caught:
            _ = one.status  # not the class's default either
        assert caught.value.code == "capability_scope_denied"
    with psycopg.connect(db.admin_url) as admin:
        assert admin.execute("select count from tasks").fetchall() == [(2,)]


async def test_an_answer_without_rows_is_followed_by_a_read(ablo: AsyncAblo) -> None:
    """As of a relay from before rows came with receipts, or where they are too large."""
    transport: Any = ablo._session.transport
    await ablo.tasks.create({"title": "a"}, id="t1")
    commit = transport.commit

    async def without_rows(request: Any) -> Any:
        return Committed((await commit(request)).receipt)

    transport.commit = without_rows
    row = await ablo.tasks.update("t1", {"count": 5})
    assert (row.title, row.count) == ("a", 5)
    assert ablo.receipt(row) is not None
