"""The MCP server, with the protocol's own client: in this process, and as a program on stdio."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Literal

import anyio
import anyio.lowlevel
import psycopg
import pytest
from anyio import to_thread
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters

from ablo_pg import Model, belongs_to, define_schema, field
from ablo_pg.cli.main import run
from ablo_pg.cluster import Server
from ablo_pg.credentials import new_key
from ablo_pg.db.keys import create_key
from ablo_pg.mcp import session as sessions
from ablo_pg.mcp.server import make_server
from ablo_pg.mcp.session import open_session
from ablo_pg.relay.daemon import Relay
from ablo_pg.testing import DatabaseHandle, make_database, template_database

from ..http.world import start_relay

pytestmark = pytest.mark.anyio
WHOLE = [
    *("get_schema", "list_records", "get_model", "history", "tail_logs", "create_model"),
    *("update_model", "delete_model", "claim_model", "release_claim", "preview", "undo"),
]


class Project(Model):
    name: str


class Task(Model):
    title: str
    status: Literal["todo", "doing", "done"] = "todo"
    points: int | None = field(default=None, ge=0)
    project_id: str | None = None
    project = belongs_to("projects")


SCHEMA = define_schema(tasks=Task, projects=Project)
Join = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture(scope="module")
def template(cluster: Server) -> Iterator[str]:
    with template_database(cluster, SCHEMA) as name:
        yield name


@pytest.fixture
def db(cluster: Server, template: str) -> Iterator[DatabaseHandle]:
    with make_database(server=cluster, template=template) as made:
        yield made


@pytest.fixture
async def relay(db: DatabaseHandle) -> AsyncIterator[Relay]:
    async with AsyncExitStack() as stack:
        yield await start_relay(stack, db, requests_per_second=1e6, request_burst=10**6)


def key_of(db: DatabaseHandle, participant: str = "agent:a", **asked: Any) -> str:
    key = new_key("rk")
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        create_key(conn, "acme", participant, key, {"prefix": "rk", **asked})
    return key


@pytest.fixture
def join(db: DatabaseHandle, relay: Relay) -> Join:
    """Join as a participant: a client, its server, and the server's session on the relay."""

    @asynccontextmanager
    async def joined(participant: str = "agent:a", **asked: Any) -> AsyncIterator[Client]:
        async with (
            open_session(relay.url, key_of(db, participant, **asked)) as session,
            Client(make_server(session)) as client,
        ):
            yield client

    return joined


async def until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most 20 s."""
    with anyio.fail_after(20):
        while True:
            if holds():
                return
            await anyio.sleep(0.01)


async def call(client: Client, tool: str, **given: Any) -> Any:
    """Call a tool that must succeed; return its data."""
    found = await client.call_tool(tool, given)
    assert not found.is_error, found.structured_content
    (part,) = found.content
    assert json.loads(part.text) == found.structured_content
    return found.structured_content


async def refused(client: Client, tool: str, **given: Any) -> Any:
    """Call a tool that must be refused; return the problem, which is data."""
    found = await client.call_tool(tool, given)
    assert found.is_error
    return found.structured_content


async def test_an_agent_works_on_rows(join: Join, db: DatabaseHandle) -> None:
    async with join() as client:
        listed = (await client.list_tools()).tools
        assert [one.name for one in listed] == WHOLE
        assert "claim_model" in (client.instructions or "")
        made = await call(client, "create_model", model="tasks", id="t1", data={"title": "a"})
        assert made["row"]["title"] == "a"
        await call(client, "create_model", model="tasks", id="t2", data={"title": "b", "points": 5})
        await call(client, "create_model", model="projects", data={"name": "p"})
        page = await call(client, "list_records", model="tasks", where="points > 3")
        assert [one["id"] for one in page["rows"]] == ["t2"]
        page = await call(client, "list_records", model="tasks", order_by="-title", limit=1)
        assert [one["id"] for one in page["rows"]] == ["t2"]
        page = await call(client, "list_records", model="tasks", order_by="-title",
                          cursor=page["next_cursor"])  # fmt: skip
        assert [one["id"] for one in page["rows"]] == ["t1"]
        read = await call(client, "get_model", model="tasks", id="t1")
        changed = await call(client, "update_model", model="tasks", id="t1",
                             data={"status": "doing"}, read_at=read["stamp"])  # fmt: skip
        assert changed["row"]["status"] == "doing"
        stale = await refused(client, "update_model", model="tasks", id="t1",
                              data={"status": "done"}, read_at=read["stamp"])  # fmt: skip
        assert stale["code"] == "stale_context"
        past = await call(client, "history", model="tasks", id="t1")
        assert [one["op"] for one in past["entries"]] == ["U", "I"]
        told = await call(client, "preview", operations=[
            {"action": "delete", "model": "tasks", "id": "t1"}])  # fmt: skip
        assert told["changes"][0]["before"]["title"] == "a"
        gone = await call(client, "delete_model", model="tasks", id="t1")
        assert (await call(client, "get_model", model="tasks", id="t1"))["row"] is None
        back = await call(client, "undo", commit=gone["receipt"]["serverTxId"])
        assert back["receipt"]["success"]
        row = (await call(client, "get_model", model="tasks", id="t1"))["row"]
        assert (row["title"], row["status"]) == ("a", "doing")
        logs = await call(client, "tail_logs", limit=3)
        assert {one["actor"] for one in logs["data"]} == {"agent:a"}
        schema = await call(client, "get_schema")
        (tasks,) = [one for one in schema["models"] if one["model"] == "tasks"]
        assert tasks["may"] == ["read", "create", "update", "delete"]
        assert tasks["fields"]["status"]["enum"] == ["todo", "doing", "done"]


async def test_a_step_that_runs_again_writes_once(join: Join) -> None:
    async with join() as client:
        for _ in range(2):
            made = await call(client, "create_model", model="tasks", data={"title": "a"},
                              idempotency_key="order 17")  # fmt: skip
        assert len((await call(client, "list_records", model="tasks"))["rows"]) == 1
        again = await refused(client, "create_model", model="tasks", data={"title": "other"},
                              idempotency_key="order 17")  # fmt: skip
        assert again["code"] == "idempotency_conflict"
        assert made["receipt"]["clientTxId"] == "order 17"


async def test_two_sessions_exclude_each_other(join: Join) -> None:
    async with join("agent:a") as a, join("agent:b") as b:
        await call(a, "create_model", model="tasks", id="t1", data={"title": "a"})
        held = await call(a, "claim_model", model="tasks", id="t1", description="rewriting")
        assert (held["claimed"], held["row"]["title"]) == (True, "a")
        problem = await refused(b, "update_model", model="tasks", id="t1", data={"title": "b"})
        assert problem["code"] == "entity_claimed"
        full = await call(b, "claim_model", model="tasks", id="t1", description="x",
                          wait_seconds=0.2)  # fmt: skip
        assert full["claimed"] is False
        assert full["queue"]["data"][0]["description"] == "rewriting"
        nothing = await refused(b, "claim_model", model="tasks", id="t1", description="x",
                                wait_seconds=0)  # fmt: skip
        assert nothing["code"] == "claim_conflict"
        words: list[Any] = []

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            words.append(message)

        async with anyio.create_task_group() as group:
            got: list[Any] = []

            async def wait() -> None:
                given = {"model": "tasks", "id": "t1", "description": "next", "wait_seconds": 30}
                got.append(await b.call_tool("claim_model", given, progress_callback=heard))

            group.start_soon(wait)
            with anyio.fail_after(20):
                while not words:
                    await anyio.lowlevel.checkpoint()
            await call(a, "update_model", model="tasks", id="t1", data={"title": "by a"})
            assert await call(a, "release_claim", model="tasks", id="t1") == {"released": True}
        assert got[0].structured_content["row"]["title"] == "by a"
        assert "waiting in the queue" in words[0]
        assert await call(a, "release_claim", model="tasks", id="t1") == {"released": False}


async def test_a_session_s_claims_end_with_it(join: Join, db: DatabaseHandle) -> None:
    async with join() as client:
        await call(client, "create_model", model="tasks", id="t1", data={"title": "a"})
        await call(client, "claim_model", model="tasks", id="t1", description="x")
    async with join("agent:b") as other:
        await call(other, "update_model", model="tasks", id="t1", data={"title": "b"})


async def test_a_claim_is_renewed_and_a_lost_one_forgotten(
    db: DatabaseHandle, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "BEAT_SECONDS", 0.05)

    async with open_session(relay.url, key_of(db)) as session:
        with psycopg.connect(db.admin_url, autocommit=True) as conn:

            async def nothing(words: str) -> None: ...

            await session.call("POST", "/api/v1/models/tasks", {"id": "t1", "data": {"title": "a"}})
            got = await session.claim("tasks", "t1", "x", 0, nothing)
            ends = "select expires_at from ablo.claim where id = %s"
            first = conn.execute(ends, [got["claimId"]]).fetchone()
            await until(lambda: conn.execute(ends, [got["claimId"]]).fetchone() != first)
            conn.execute("select ablo.claim_break('acme', 'system:x', %s)", [got["claimId"]])
            await until(lambda: not session.claims)


async def test_a_key_of_few_rights_sees_few_tools(join: Join) -> None:
    async with join(operations=["tasks.read", "projects.read", "projects.create"]) as client:
        tools = {one.name: one for one in (await client.list_tools()).tools}
        assert list(tools) == [
            "get_schema", "list_records", "get_model", "history", "tail_logs", "create_model",
            "claim_model", "release_claim", "preview", "undo",
        ]  # fmt: skip
        assert tools["create_model"].input_schema["properties"]["model"]["enum"] == ["projects"]
        data = tools["create_model"].input_schema["properties"]["data"]
        assert (data["title"], data["required"]) == ("projects", ["name"])
        assert tools["list_records"].annotations is not None
        assert tools["list_records"].annotations.read_only_hint
        assert (await refused(client, "delete_model", model="tasks", id="x"))["code"] == (
            "capability_scope_denied"
        )
        assert (await refused(client, "create_model", model="tasks", data={"title": "x"}))[
            "code"
        ] == "invalid_request"
        undone = await refused(client, "undo", commit="stx_1_2")
        assert undone["code"] == "entity_not_found"
    async with join(operations=["projects.read"]) as client:
        names = [one.name for one in (await client.list_tools()).tools]
        assert names == ["get_schema", "list_records", "get_model", "history", "tail_logs"]


@pytest.mark.parametrize(
    ("tool", "given", "param"),
    [
        ("get_model", {"model": "tasks"}, ""),
        ("get_model", {"model": "nope", "id": "1"}, "model"),
        ("get_model", {"model": "tasks", "id": 7}, "id"),
        ("list_records", {"model": "tasks", "limit": 0}, "limit"),
        ("list_records", {"model": "tasks", "limit": True}, "limit"),
        ("create_model", {"model": "tasks", "data": {"title": 5}}, "data"),
        ("claim_model", {"model": "tasks", "id": "1", "description": "x", "nope": 1}, ""),
        ("preview", {"operations": []}, "operations"),
    ],
)
async def test_bad_arguments_are_named(
    join: Join, tool: str, given: dict[str, Any], param: str
) -> None:
    async with join() as client:
        problem = await refused(client, tool, **given)
        assert problem["code"] == "invalid_request"
        assert problem["param"].startswith(param)
        assert "arguments" in problem["remedy"]


async def test_the_relay_s_refusals_are_data(join: Join) -> None:
    async with join() as client:
        for where, code in (("nope = 1", "query_invalid_identifier"), ("1; drop", None)):
            problem = await refused(client, "list_records", model="tasks", where=where)
            assert problem["remedy"]
            assert code in (None, problem["code"])
        missing = await refused(client, "update_model", model="tasks", id="x", data={"title": "x"})
        assert missing["code"] == "entity_not_found"


async def test_resources_and_the_prompt(join: Join) -> None:
    async with join() as client:
        await call(client, "create_model", model="tasks", id="a b/c", data={"title": "x" * 30_000})
        (resource,) = (await client.list_resources()).resources
        (text,) = (await client.read_resource(str(resource.uri))).contents
        assert "tasks" in text.text
        (template,) = (await client.list_resource_templates()).resource_templates
        assert template.uri_template == "ablo://models/{model}/{id}"
        (row,) = (await client.read_resource("ablo://models/tasks/a%20b%2Fc")).contents
        title = json.loads(row.text)["row"]["title"]
        assert title.endswith("[cut: 30000 characters in all]")
        (prompt,) = (await client.list_prompts()).prompts
        said = await client.get_prompt(prompt.name)
        assert "release_claim" in said.messages[0].content.text
        for uri in ("ablo://models/tasks", "ablo://nope", "ablo://models/nope/1"):
            with pytest.raises(Exception, match=r"\w"):
                await client.read_resource(uri)


async def test_no_answer_has_the_key(join: Join, relay: Relay, db: DatabaseHandle) -> None:
    key = key_of(db)
    async with open_session(relay.url, key) as session:
        assert key not in repr(session)
        async with Client(make_server(session)) as client:
            for tool in ("get_schema", "tail_logs"):
                assert key not in str((await client.call_tool(tool, {})).structured_content)


@pytest.mark.way("mcp", "happy", "headless", "json")
async def test_it_is_a_program_on_stdio(db: DatabaseHandle, relay: Relay) -> None:
    environment = os.environ | {"ABLO_API_URL": relay.url, "ABLO_API_KEY": key_of(db)}
    program = StdioServerParameters(
        command=sys.executable, args=["-m", "ablo_pg", "mcp"], env=dict(environment)
    )
    async with Client(program) as client:
        assert [one.name for one in (await client.list_tools()).tools] == WHOLE
        await call(client, "create_model", model="tasks", id="t1", data={"title": "a"})
        await call(client, "claim_model", model="tasks", id="t1", description="x")
    with psycopg.connect(db.admin_url, autocommit=True) as conn:
        held = "select 1 from ablo.claim where status = 'active'"
        await until(lambda: conn.execute(held).fetchone() is None)


@pytest.mark.way("mcp", "worst")
async def test_a_wrong_start_is_told(relay: Relay, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ["mcp", "--url", relay.url, "--api-key", "rk_wrong"]
    assert await to_thread.run_sync(run, wrong) == 1
    assert "key" in capsys.readouterr().err
    nowhere = ["mcp", "--url", "http://127.0.0.1:1", "--api-key", "rk_wrong"]
    assert await to_thread.run_sync(run, nowhere) == 1
    assert "does not answer" in capsys.readouterr().err
    assert run(["mcp", "--api-key", "x"]) == 2
