"""What only a client over a relay has: its constructor, its key, lost relays, blocked sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.to_thread
import psycopg
import pytest

from ablo_pg import AbloConnectionError, AbloError, AbloValidationError, AsyncAblo
from ablo_pg.client.remote.errors import error_of
from ablo_pg.client.remote.http import relay_address
from ablo_pg.db.errors import Names
from ablo_pg.testing import DatabaseHandle

from .conftest import SCHEMA, until_blocked
from .relay_thread import RelayThread, make_key

pytestmark = [pytest.mark.anyio, pytest.mark.smoke]
KEY = "sk_" + "A" * 30 + "390g5D"


@pytest.fixture
def relay(db: DatabaseHandle) -> Iterator[RelayThread]:
    with RelayThread(db) as running:
        yield running


@pytest.fixture
async def ablo(relay: RelayThread, db: DatabaseHandle) -> AsyncIterator[AsyncAblo]:
    key = make_key(db, "acme", "agent:a")
    async with AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key, timeout=30) as client:
        yield client


@pytest.mark.parametrize(
    ("options", "code", "field"),
    [
        ({"base_url": "http://r", "database_url": "x", "api_key": KEY}, "invalid_options", None),
        ({"base_url": "http://r", "replication_url": "x", "api_key": KEY}, "invalid_options", None),
        ({"base_url": "http://r"}, "api_key_required", "api_key"),
        ({"api_key": KEY}, "invalid_options", "base_url"),
        ({"base_url": "ftp://r", "api_key": KEY}, "invalid_options", "base_url"),
        ({"base_url": "http://r?a=b", "api_key": KEY}, "invalid_options", "base_url"),
        ({"base_url": "http://r", "api_key": "sk_ \n"}, "apikey_invalid", "api_key"),
        (
            {"base_url": "http://r", "api_key": KEY, "on_behalf_of": "user:a"},
            "invalid_options",
            "on_behalf_of",
        ),
    ],
)
async def test_where_to_is_said_once(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], code: str, field: str | None
) -> None:
    for name in ("DATABASE_URL", "ABLO_API_URL", "ABLO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AbloError) as caught:
        AsyncAblo(schema=SCHEMA, **options)
    assert caught.value.code == code
    assert field in (None, caught.value.field)
    assert KEY not in str(caught.value)


async def test_the_environment_says_where(
    relay: RelayThread, db: DatabaseHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("ABLO_API_URL", relay.url + "/api/")
    monkeypatch.setenv("ABLO_API_KEY", make_key(db))
    async with AsyncAblo(schema=SCHEMA) as client:
        assert await client.tasks.list() == []
    monkeypatch.setenv("DATABASE_URL", db.database_url)
    async with AsyncAblo(schema=SCHEMA, organization="acme", participant="agent:a") as client:
        assert type(client._session.transport).__name__ == "DirectTransport"


async def test_the_key_says_who_one_is(relay: RelayThread, db: DatabaseHandle) -> None:
    key = make_key(db, "acme", "agent:a")
    for options, code in (
        ({"organization": "globex"}, "organization_mismatch"),
        ({"participant": "agent:b"}, "forbidden"),
    ):
        async with AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key, **options) as client:  # type: ignore[arg-type]
            with pytest.raises(AbloError) as caught:
                await client.tasks.list()
            assert caught.value.code == code
    async with AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=KEY) as client:
        with pytest.raises(AbloError) as caught:
            await client.ready()
        assert caught.value.code == "apikey_invalid"


async def test_evidence_of_another_client_counts_before_the_first_call(
    ablo: AsyncAblo, relay: RelayThread, db: DatabaseHandle
) -> None:
    task = await ablo.tasks.create({"title": "a"}, id="t1")
    for organization, code in (("acme", None), ("globex", "foreign_tenant_row")):
        key = make_key(db, organization, "agent:b")
        async with AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key) as fresh:
            try:
                await fresh.projects.create({"name": "p"}, reads=[task])
                found = None
            except AbloError as exc:
                found = exc.code
            assert found == code


async def test_calls_that_wait_for_a_row_keep_no_other_waiting(
    relay: RelayThread, db: DatabaseHandle
) -> None:
    """More of them than the client may have requests out: each gives its place away."""
    options: dict[str, Any] = {"base_url": relay.url, "api_key": make_key(db), "timeout": 30}
    async with AsyncAblo(schema=SCHEMA, pool_max_size=2, **options) as client:
        await client.tasks.create({"title": "a"}, id="held")
        async with await psycopg.AsyncConnection.connect(db.admin_url) as holder:
            await holder.execute("select from tasks where id = 'held' for update")
            async with anyio.create_task_group() as group:
                for count in range(4):
                    group.start_soon(client.tasks.update, "held", {"count": count})
                await until_blocked(db, 4)
                await client.tasks.create({"title": "b"}, id="free", timeout=30)
                await holder.commit()


async def test_a_relay_that_is_not_there() -> None:
    url = "http://127.0.0.1:1"
    async with AsyncAblo(schema=SCHEMA, base_url=url, api_key=KEY, timeout=30) as client:
        with pytest.raises(
            AbloConnectionError, match=r"127\.0\.0\.1:1 cannot be reached"
        ) as caught:
            await client.tasks.list()
    assert caught.value.retryable
    assert KEY not in str(caught.value)


async def test_a_relay_that_comes_back_leaves_no_gap(
    ablo: AsyncAblo, relay: RelayThread, db: DatabaseHandle
) -> None:
    """Changes made while it was away come first, each once; calls go on."""
    options: dict[str, Any] = {
        "database_url": db.database_url,
        "organization": "acme",
        "participant": "agent:w",
    }
    async with AsyncAblo(schema=SCHEMA, **options) as writer, ablo.tasks.subscribe() as changes:
        seen: list[str] = []

        async def take(count: int) -> None:
            with anyio.fail_after(30):
                seen.extend([(await anext(changes)).row.title for _ in range(count)])

        for step in range(3):
            await writer.tasks.create({"title": f"{step}a"})
            await take(1)
            await anyio.to_thread.run_sync(relay.stop)
            await writer.tasks.create({"title": f"{step}b"})
            await anyio.to_thread.run_sync(relay.start)
            await writer.tasks.create({"title": f"{step}c"})
            await take(2)
        assert seen == [f"{step}{part}" for step in range(3) for part in "abc"]
        assert len(await ablo.tasks.list()) == 9


@pytest.mark.filterwarnings("ignore:.*no socket.*")
async def test_a_network_without_sockets_is_asked_for_events(
    ablo: AsyncAblo, monkeypatch: pytest.MonkeyPatch, until: Any
) -> None:
    """The upgrade is refused, as by a proxy that knows none: Server-Sent Events do as well."""
    from ablo_pg.client.remote import http

    refused = property(lambda self: "ws" + self.base_url.removeprefix("http") + "/nowhere")
    monkeypatch.setattr(http.RelayAddress, "socket_url", refused)
    async with ablo.tasks.subscribe() as changes:
        await until(lambda: ablo.reader_status.kind == "events")
        for number in range(5):
            await ablo.tasks.create({"title": str(number)})
        with anyio.fail_after(30):
            assert [(await anext(changes)).row.title for _ in range(5)] == list("01234")
    assert "socket" in (ablo.reader_status.reason or "")


async def test_a_key_that_asks_too_fast_waits(db: DatabaseHandle) -> None:
    """429 says when to come again; the call ends in its answer all the same."""
    settings = {"requests_per_second": 20.0, "request_burst": 2}
    with RelayThread(db, **settings) as relay:
        key = make_key(db)
        async with AsyncAblo(schema=SCHEMA, base_url=relay.url, api_key=key, timeout=30) as client:
            for _ in range(10):
                await client.tasks.list()


async def test_a_commit_cannot_join_a_transaction(ablo: AsyncAblo) -> None:
    operation = {"action": "create", "model": "tasks", "id": "t", "data": {"title": "a"}}
    connection: Any = object()
    with pytest.raises(AbloValidationError) as caught:
        await ablo.commits.create([operation], connection=connection)
    assert (caught.value.code, caught.value.field) == ("invalid_options", "connection")


def test_errors_come_back_as_they_were() -> None:
    """Holders as kind:id, names as the author has them, details of the wire's own left out."""
    names = Names({"Task": "tasks"}, {("tasks", "dueDate"): "due_date"})
    body = (
        b'{"type":"AbloClaimedError","code":"entity_claimed","message":"m","retryable":false,'
        b'"param":"dueDate","model":"Task","id":"t1","remedy":"wait","request_id":"req_1",'
        b'"heldBy":"x","heldByKind":"agent","claims":[{"claimId":"c","heldBy":"x",'
        b'"heldByKind":"agent","participantId":"x","participantKind":"agent","reason":"r"}]}'
    )
    error = error_of(409, body, names)
    assert type(error).__name__ == "AbloClaimedError"
    assert (error.code, error.model, error.field, error.row_id) == (
        "entity_claimed",
        "tasks",
        "due_date",
        "t1",
    )
    assert error.details == {
        "heldBy": "agent:x",
        "heldByKind": "agent",
        "claims": [{"claimId": "c", "heldBy": "agent:x", "heldByKind": "agent"}],
    }
    assert error.remedy == "wait"
    assert error_of(502, b"<html>", names).code == "database_unreachable"
    assert error_of(500, b"", names).code == "internal_error"
    assert error_of(418, b'{"code":"new_code","message":"x"}', names).code == "internal_error"


def test_the_address_hides_the_key() -> None:
    address = relay_address("https://ablo.example.com/api/", KEY)
    assert address.base_url == "https://ablo.example.com"
    assert address.socket_url == "wss://ablo.example.com/api/sync/ws"
    assert KEY not in repr(address)
