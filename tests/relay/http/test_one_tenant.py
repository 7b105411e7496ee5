"""One organization cannot hurt another: its share of the pool, the size of an answer, the loop."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable
from typing import Any

import anyio
import anyio.lowlevel
import psycopg
import pytest

from ablo_pg.db.pool import Database
from ablo_pg.relay import shares
from ablo_pg.relay.http.limits import RateLimit
from ablo_pg.wire.limits import READ_BYTES

pytestmark = pytest.mark.anyio

WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"


async def locked_rows(world: Any, patience: float = 30) -> bool:
    """Commits of one organization wait for rows.

    Returns whether others, and its own other calls, were served meanwhile.
    """
    relay = await world.start(pool_size=5, organization_share=3)
    flood = await world.with_key(world.key(), relay)
    other = await world.with_key(world.key("globex", "user:b"), relay)
    for number in range(8):
        await flood.create("tasks", f"t{number}", title="x")
    await other.create("tasks", "o1", title="x")
    path = "/api/v1/models/tasks"
    most = relay.service.database.most_alone
    with (
        psycopg.connect(world.db.admin_url) as holder,
        psycopg.connect(world.db.admin_url, autocommit=True) as admin,
    ):
        holder.execute("select from tasks where organization_id = 'acme' for update")
        async with anyio.create_task_group() as group:
            for number in range(8):
                body = {"data": {"title": "y"}}
                group.start_soon(flood, "PATCH", f"{path}/t{number}", body)
            await until_waiting(admin, most)
            with anyio.move_on_after(patience) as given_up:
                for _ in range(5):
                    assert (await other("GET", f"{path}/o1")).status_code == 200
                    assert (await flood("GET", f"{path}/t1")).status_code == 200
                await flood.create("tasks", "free", title="x")
            assert admin.execute(WAITING).fetchone() == (most,)
            holder.rollback()
    return not given_up.cancelled_caught


async def until_waiting(admin: psycopg.Connection, count: int) -> None:
    """Wait until so many sessions wait for locks."""
    with anyio.fail_after(10):
        while admin.execute(WAITING).fetchone() != (count,):
            await anyio.lowlevel.checkpoint()


async def test_an_organization_that_waits_leaves_the_others_their_part(world: Any) -> None:
    """And itself a place: what need not wait for the rows goes on there too."""
    assert await locked_rows(world)


async def test_commits_that_wait_in_the_whole_share_are_caught(
    world: Any, monkeypatch: Any
) -> None:
    """The mutant: they leave no place of it."""
    monkeypatch.setattr(shares.SharedDatabase, "most_alone", 3)
    assert not await locked_rows(world, 0.3)


async def locked_table(world: Any, held: int, patience: float = 30) -> bool:
    """Reads of one organization hang in a locked table, in so many connections.

    Returns whether others were served meanwhile.
    """
    relay = await world.start(pool_size=5, organization_share=2)
    flood = await world.with_key(world.key(), relay)
    other = await world.with_key(world.key("globex", "user:b"), relay)
    await other.create("projects", "p1", name="x")
    with (
        psycopg.connect(world.db.admin_url) as holder,
        psycopg.connect(world.db.admin_url, autocommit=True) as admin,
    ):
        holder.execute("lock table tasks in access exclusive mode")
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(flood, "GET", "/api/v1/models/tasks")
            await until_waiting(admin, held)
            with anyio.move_on_after(patience) as given_up:
                answer = await other("GET", "/api/v1/models/projects/p1")
                assert answer.status_code == 200
            holder.rollback()
    return not given_up.cancelled_caught


async def test_reads_that_hang_leave_the_others_their_part(world: Any) -> None:
    assert await locked_table(world, 2)


def no_limit(organizations: shares.Shares, organization: str) -> bool:
    """An organization takes whatever is free."""
    return sum(organizations._held.values()) < organizations.total


# name -> what is put in the place of a part of the relay, and how many connections then hang
WITHOUT_SHARES: dict[str, tuple[type, str, Any, int]] = {
    "a share of everything": (shares.Shares, "_may", no_limit, 4),
    "a plain pool": (shares.SharedDatabase, "_connection", Database._connection, 5),
}


@pytest.mark.parametrize("name", WITHOUT_SHARES)
async def test_a_relay_without_shares_is_caught(world: Any, monkeypatch: Any, name: str) -> None:
    place, attribute, mutant, held = WITHOUT_SHARES[name]
    monkeypatch.setattr(place, attribute, mutant)
    assert not await locked_table(world, held, 0.3)


async def test_a_list_of_20_000_terms_is_refused(api: Any) -> None:
    for query in (
        {"orderBy": [["title", "asc"]] * 20_000},
        {"where": [["title", "a"]] * 20_000},
        {"where": [["title", "in", ["a"] * 20_000]]},
    ):
        answer = await api("POST", "/api/v1/kernel/row_list", {"model": "tasks", "query": query})
        body = answer.json()
        assert (answer.status_code, body["code"]) == (400, "invalid_request")
        assert body["limit"] < 20_000
        assert body["remedy"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/models/tasks/t1/claim", {"claimId": "x" * 300}),
        ("POST", "/api/v1/models/tasks/t1/claim", {"fields": ["title"] * 101}),
        ("POST", "/api/v1/models/tasks", {"id": "x" * 1001, "data": {"title": "x"}}),
        ("POST", "/api/v1/kernel/claim_beats", {"claimIds": ["x"] * 1001}),
        ("POST", "/api/sync/query", {"queries": [{"model": "tasks", "related": ["a"] * 11}]}),
        ("POST", "/api/sync/query", {"queries": [{"model": "tasks", "where": [["a", 1]] * 65}]}),
        ("POST", "/api/sync/query", {"queries": [{"model": "m" * 300}]}),
        ("POST", "/api/v1/kernel/snapshot_read", {"targets": [{"model": "t", "id": "t"}] * 1001}),
    ],
)
async def test_names_and_lists_are_bounded(api: Any, method: str, path: str, body: Any) -> None:
    answer = await api(method, path, body)
    found = answer.json()
    assert (answer.status_code, found["code"]) == (400, "invalid_body")
    assert found["limit"]
    assert found["param"]


def fill(world: Any, count: int, size: int) -> None:
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into tasks (id, organization_id, title, status)"
            " select 'big' || n, 'acme', repeat('x', %s), 'todo' from generate_series(1, %s) n",
            (size, count),
        )


async def test_queries_share_the_budget_of_one_answer(world: Any, api: Any) -> None:
    fill(world, 12, 1_000_000)
    queries = [{"model": "tasks"}, {"model": "tasks"}, {"model": "tasks", "limit": 2}]
    body = (await api("POST", "/api/sync/query", {"queries": queries})).json()
    assert [len(one) for one in body["results"]] == [12, 0, 2]
    assert [(one["index"], one["code"]) for one in body["errors"]] == [(1, "response_too_large")]


async def test_a_page_a_bootstrap_and_the_log_end_at_their_budgets(world: Any, api: Any) -> None:
    fill(world, 20, 1_000_000)
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await api("GET", f"/api/v1/models/tasks?limit=100{cursor}")).json()
        assert len(page["data"]) <= 5
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&starting_after={page['next_cursor']}"
    assert (len(seen), len(set(seen))) == (20, 20)

    copied: list[str] = []
    cursor = ""
    while True:
        answer = await api("GET", f"/api/sync/bootstrap?models=tasks{cursor}")
        assert len(answer.content) < READ_BYTES + (5 << 20)
        body = answer.json()
        copied += [row["id"] for row in body["models"]["tasks"]]
        if "nextCursor" not in body:
            break
        cursor = f"&cursor={body['nextCursor']}"
    assert sorted(copied) == sorted(seen)

    answer = await api("GET", "/api/v1/logs?after=0&limit=1000")
    events, pages = len(answer.json()["data"]), 1
    while answer.json()["has_more"]:
        after = answer.json()["next_cursor"]
        answer = await api("GET", f"/api/v1/logs?after={after}&limit=1000")
        events, pages = events + len(answer.json()["data"]), pages + 1
    assert events == 20
    assert pages > 1


async def lag_during(work: Awaitable[Any]) -> float:
    """Return the longest that the loop kept a task waiting while `work` ran."""
    longest = 0.0
    begun, over = anyio.Event(), anyio.Event()

    async def wait_and_measure() -> None:
        nonlocal longest
        while not over.is_set():
            began = time.perf_counter()
            await anyio.sleep(0.002)
            longest = max(longest, time.perf_counter() - began)
            begun.set()

    async with anyio.create_task_group() as group:
        group.start_soon(wait_and_measure)
        await begun.wait()
        await work
        over.set()
    return longest


def large_schema() -> bytes:
    """A schema of some 100 kB, which takes a few tenths of a second to read."""
    field = {"type": "string", "isOptional": True}
    models = {
        f"model{number}": {"fields": {f"field{place}": field for place in range(40)}}
        for number in range(60)
    }
    return json.dumps({"schema": {"v": 3, "models": models}}).encode()


BODIES: dict[str, tuple[str, bytes]] = {
    "a schema": ("/api/schema/dry-run", large_schema()),
    "a commit": (
        "/api/v1/commits",
        json.dumps({"operations": [{"action": "x", "model": "t"}] * 20_000}).encode(),
    ),
    "a query": (
        "/api/v1/kernel/row_list",
        json.dumps({"model": "tasks", "query": {"where": [["title", "a"]] * 30_000}}).encode(),
    ),
}


@pytest.mark.parametrize("what", BODIES)
async def test_the_loop_turns_while_a_large_body_is_read(
    world: Any, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Against the mutant, which reads it on the loop, in the same run."""
    path, body = BODIES[what]
    relay = await world.start(admin_url=None)
    api = await world.with_key(world.key(), relay)
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}

    async def send() -> None:
        answer = await api.client.post(path, content=body, headers=headers)
        assert answer.status_code in (400, 403, 503), answer.text[:200]

    await send()
    lags = [await lag_during(send()) for _ in range(2)]
    monkeypatch.setattr(shares, "PARSED_HERE", 1 << 30)
    mutant = [await lag_during(send()) for _ in range(2)]
    assert min(lags) < 0.7 * min(mutant), (lags, mutant)


async def test_a_rate_limit_has_a_bounded_number_of_buckets() -> None:
    limit = RateLimit(1.0, 1, time.monotonic)
    for number in range(20_000):
        limit.take(f"key{number}")
    assert len(limit._buckets) == 10_000


async def test_a_revoked_key_gives_its_claims_to_the_next(world: Any, as_: Any) -> None:
    key = world.key(participant="agent:a")
    holder, waiter = await world.with_key(key), await as_("agent:b")
    await waiter.create("tasks", "t1", title="x")
    path = "/api/v1/models/tasks/t1/claim"
    held = (await holder("POST", path, {})).json()
    waits = (await waiter("POST", path, {})).json()
    assert (held["status"], waits["status"]) == ("active", "queued")
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute(
            "select ablo.key_revoke('acme', id) from ablo.api_key where participant = 'agent:a'"
        )
    assert (await waiter("GET", f"/api/v1/claims/{waits['id']}")).json()["status"] == "active"
    assert (await waiter("GET", f"/api/v1/claims/{held['id']}")).json()["status"] == "canceled"
    body = {"data": {"title": "y"}, "claim": waits["id"]}
    assert (await waiter("PATCH", "/api/v1/models/tasks/t1", body)).status_code == 200
