"""Every limit answers a typed error that names it; one caller's limit is not another's."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest

from ablo_pg.errors import AbloError
from ablo_pg.relay.settings import RelaySettings

pytestmark = pytest.mark.anyio

TASKS = "/api/v1/models/tasks"


async def small(world: Any, **settings: Any) -> Any:
    """A caller on a relay with other limits."""
    return await world.with_key(world.key(), await world.start(**settings))


async def test_a_body_of_1_mib_passes_and_a_larger_one_does_not(api: Any) -> None:
    frame = len(b'{"data":{"title":""},"id":"t1"}')
    for size, status in ((1 << 20, 201), ((1 << 20) + 1, 413)):
        content = b'{"data":{"title":"%b"},"id":"t1"}' % (b"x" * (size - frame))
        answer = await api.client.post(
            TASKS, content=content, headers={"authorization": f"Bearer {api.key}"}
        )
        assert answer.status_code == status
    assert answer.json()["code"] == "request_too_large"
    assert answer.json()["limit"] == 1 << 20


async def test_a_body_without_a_length_is_counted_as_it_comes(world: Any) -> None:
    relay = await world.start(body_bytes=1000)
    head = f"POST {TASKS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {world.key()}\r\n"
    part = b"64\r\n" + b" " * 100 + b"\r\n"
    answer = b""
    async with await anyio.connect_tcp("127.0.0.1", int(relay.url.rpartition(":")[2])) as stream:
        await stream.send(f"{head}transfer-encoding: chunked\r\n\r\n".encode() + part * 11)
        with anyio.fail_after(30):
            while b'"request_too_large"' not in answer:
                answer += await stream.receive()
    assert answer.startswith(b"HTTP/1.1 413")


async def test_operations_premises_and_rows(world: Any) -> None:
    api = await small(world, operations=2, premises=1, list_rows=3)
    operation = {"action": "create", "model": "tasks", "id": "t", "data": {"title": "x"}}
    answer = await api("POST", "/api/v1/commits", {"operations": [operation] * 3})
    assert (answer.json()["code"], answer.json()["limit"]) == ("commit_too_many_operations", 2)
    reads = [{"model": "tasks", "id": "t", "readAt": 0}] * 2
    answer = await api("POST", "/api/v1/commits", {"operations": [operation], "reads": reads})
    assert (answer.json()["code"], answer.json()["limit"]) == ("invalid_request", 1)
    answer = await api("GET", f"{TASKS}?limit=4")
    assert (answer.status_code, answer.json()["param"]) == (400, "limit")


async def test_how_deep_json_nests(world: Any) -> None:
    api = await small(world, json_depth=3)
    body = {"id": "t1", "data": {"title": "x"}, "reads": []}
    assert (await api("POST", TASKS, body)).status_code == 201
    answer = await api("POST", TASKS, body | {"reads": [{"a": {"b": 1}}]})
    assert (answer.json()["code"], answer.json()["limit"]) == ("invalid_json", 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [("operations", 501), ("premises", 501), ("list_rows", 1001), ("pool_size", 0)],
)
async def test_a_setting_that_could_not_hold_is_refused(name: str, value: Any) -> None:
    with pytest.raises(AbloError) as refused:
        RelaySettings(database_url="postgresql://localhost/app", **{name: value})
    assert (refused.value.code, refused.value.field) == ("invalid_options", name)


async def test_requests_of_one_key_are_counted(world: Any) -> None:
    api = await small(world, requests_per_second=0.5, request_burst=3)
    other = await world.with_key(world.key(participant="agent:b"))
    other.client.base_url = api.client.base_url
    found = [(await api("GET", TASKS)).status_code for _ in range(4)]
    assert found == [200, 200, 200, 429]
    answer = await api("GET", TASKS)
    body = answer.json()
    assert (body["type"], body["code"]) == ("AbloRateLimitError", "rate_limit_exceeded")
    assert body["retryable"] is True
    assert 0 < body["retryAfterSeconds"] <= 2
    assert int(answer.headers["retry-after"]) >= body["retryAfterSeconds"]
    assert (await other("GET", TASKS)).status_code == 200  # its own bucket


async def test_the_bucket_fills_again() -> None:
    from ablo_pg.errors import AbloRateLimitError
    from ablo_pg.relay.http.limits import RateLimit

    now = [0.0]
    limit = RateLimit(2.0, 2, lambda: now[0])
    limit.take("k")
    limit.take("k")
    with pytest.raises(AbloRateLimitError) as refused:
        limit.take("k")
    now[0] += refused.value.details["retry_after"]
    limit.take("k")
    with pytest.raises(AbloRateLimitError):
        limit.take("k")


async def test_claims_held_and_places_in_line(world: Any) -> None:
    api = await small(world, open_claims=2, open_waits=1)
    other = await world.with_key(world.key(participant="agent:b"))
    other.client.base_url = api.client.base_url
    for number in range(4):
        await api.create("tasks", f"t{number}", title="x")
    held = [(await api("POST", f"{TASKS}/t{n}/claim", {})).status_code for n in range(3)]
    assert held == [201, 201, 429]
    refused = (await api("POST", f"{TASKS}/t2/claim", {})).json()
    assert (refused["code"], refused["held"], refused["limit"]) == ("quota_exceeded", 2, 2)
    assert (await api("POST", f"{TASKS}/t0/claim", {})).status_code == 201  # it has that one
    waits = [(await other("POST", f"{TASKS}/t{n}/claim", {})).status_code for n in range(2)]
    assert waits == [202, 429]
    usual = await world.with_key(world.key(participant="agent:c"))  # another relay, other limits
    waits = [(await usual("POST", f"{TASKS}/t{n}/claim", {})).status_code for n in range(2)]
    assert waits == [202, 202]


async def test_every_limit_is_shown_and_listed() -> None:
    settings = RelaySettings(database_url="postgresql://localhost/app")
    page = (Path(__file__).parents[3] / "docs" / "relay.md").read_text()
    for name in RelaySettings.limits():
        assert name in settings.printable()
        assert f"`{name}`" in page, name


async def test_a_statement_that_takes_too_long_ends(world: Any) -> None:
    api = await small(world, statement_seconds=0.2)
    await (await world.api()).create("tasks", "t1", title="x")
    async with await psycopg.AsyncConnection.connect(world.db.admin_url) as conn:
        await conn.execute("select from tasks where id = 't1' for update")
        answer = await api("PATCH", f"{TASKS}/t1", {"data": {"title": "y"}})
    assert (answer.status_code, answer.json()["code"]) == (504, "wait_for_timeout")
    assert answer.json()["retryable"] is True
    with anyio.fail_after(30):
        while (await api("PATCH", f"{TASKS}/t1", {"data": {"title": "y"}})).status_code != 200:
            pass


async def test_a_request_has_a_deadline_and_its_connection_comes_back(world: Any) -> None:
    api = await small(world, request_seconds=0.3, pool_size=1)
    await (await world.api()).create("tasks", "t1", title="x")
    async with await psycopg.AsyncConnection.connect(world.db.admin_url) as conn:
        await conn.execute("select from tasks where id = 't1' for update")
        answer = await api("PATCH", f"{TASKS}/t1", {"data": {"title": "y"}})
    assert (answer.status_code, answer.json()["code"]) == (504, "wait_for_timeout")
    with anyio.fail_after(30):
        while (await api("GET", f"{TASKS}/t1")).status_code != 200:
            pass
    read = (await api("GET", f"{TASKS}/t1")).json()
    assert read["data"]["title"] == "x"  # cancelled with the request


async def test_a_spent_pool_is_a_typed_error(world: Any) -> None:
    api = await small(world, pool_size=1, acquire_seconds=0.2)
    await (await world.api()).create("tasks", "t1", title="x")
    async with await psycopg.AsyncConnection.connect(world.db.admin_url) as conn:
        await conn.execute("select from tasks where id = 't1' for update")
        async with anyio.create_task_group() as group:
            group.start_soon(api, "PATCH", f"{TASKS}/t1", {"data": {"title": "y"}})
            await wait_for_a_lock(world)
            answer = await api("GET", f"{TASKS}/t1")
            assert (answer.status_code, answer.json()["code"]) == (429, "connection_limit_exceeded")
            await conn.rollback()


async def wait_for_a_lock(world: Any) -> None:
    query = "select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0"
    async with await psycopg.AsyncConnection.connect(world.db.admin_url, autocommit=True) as conn:
        with anyio.fail_after(30):
            while True:
                if (await (await conn.execute(query)).fetchone() or (0,))[0] > 0:
                    return
                await anyio.sleep(0.005)


async def test_one_connection_too_many_is_told(world: Any) -> None:
    relay = await world.start(connections=2)
    address = ("127.0.0.1", int(relay.url.rpartition(":")[2]))
    with socket.create_connection(address), socket.create_connection(address):
        answer = b""
        stream = await anyio.connect_tcp(*address)
        async with stream:
            with anyio.fail_after(30):
                async for part in stream:
                    answer += part
    assert answer.startswith(b"HTTP/1.1 503")
    assert b'"instance_at_capacity"' in answer


async def test_an_answer_is_not_held_back_until_it_is_acknowledged(world: Any) -> None:
    """The delay of small packets is off on every connection that is accepted."""
    from ablo_pg.relay.daemon import bind

    with bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.proto == socket.IPPROTO_TCP  # what asyncio goes by
