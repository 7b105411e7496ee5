"""The feed of what happened: its newest end, then on from a cursor."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg
import pytest

from ablo_pg.relay.http import log_routes

from .world import World

pytestmark = pytest.mark.anyio

LOGS = "/api/v1/logs"


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


@pytest.fixture
async def written(api: Any) -> list[int]:
    """Four changes of two models; returns their sync ids."""
    found = [(await api.create("tasks", "t1", title="a"))["lastSyncId"]]
    found.append((await api.create("projects", "p1", name="p"))["lastSyncId"])
    patch = await api("PATCH", "/api/v1/models/tasks/t1", {"data": {"title": "b"}})
    found.append(patch.json()["lastSyncId"])
    found.append((await api("DELETE", "/api/v1/models/tasks/t1", {})).json()["lastSyncId"])
    return found


async def read(api: Any, query: str = "") -> dict[str, Any]:
    answer = await api("GET", f"{LOGS}{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(page: dict[str, Any]) -> list[int]:
    return [event["id"] for event in page["data"]]


def log_half(page: Any) -> int:
    """How far in the log a page's cursor stands; the other half is of claims (test_log_claims)."""
    log, dot, claims = page["next_cursor"].partition(".")
    assert dot
    assert claims.isdigit()
    return int(log)


async def test_without_a_cursor_the_newest_come_oldest_first(api: Any, written: list[int]) -> None:
    page = await read(api, "?limit=2")
    assert ids(page) == written[-2:]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert page["next_cursor"] == f"{written[-1]}.0"
    assert ids(await read(api)) == written


async def test_an_event_has_its_delta(api: Any, written: list[int]) -> None:
    create, _, update, delete = (await read(api))["data"]
    assert create.keys() == {"object", "id", "at", "model", "op", "recordId", "actor", "delta"}
    assert (create["object"], create["model"], create["op"]) == ("log_event", "tasks", "create")
    assert (create["recordId"], create["actor"]) == ("t1", "system:a")
    assert dt.datetime.fromisoformat(create["at"]).tzinfo is not None
    assert (update["op"], delete["op"]) == ("update", "delete")
    assert (
        update["delta"].items()
        >= {"id": update["id"], "actionType": "U", "modelName": "tasks", "modelId": "t1"}.items()
    )
    assert update["delta"]["data"]["title"] == "b"
    assert delete["delta"]["data"] is None


async def test_after_a_cursor_come_the_later_ones(api: Any, written: list[int]) -> None:
    first = await read(api, f"?after={written[0]}.0&limit=2")
    assert ids(first) == written[1:3]
    assert (first["has_more"], log_half(first)) == (True, written[2])
    rest = await read(api, f"?after={first['next_cursor']}&limit=2")
    assert (ids(rest), rest["has_more"]) == (written[3:], False)
    assert ids(await read(api, f"?after={written[2]}")) == written[3:]  # one number will do


async def test_an_empty_page_gives_the_cursor_back(api: Any, written: list[int]) -> None:
    page = await read(api, f"?after={written[-1]}.0")
    assert (ids(page), page["next_cursor"]) == ([], f"{written[-1]}.0")


async def test_a_tail_of_nothing_has_a_cursor_to_go_on_from(api: Any) -> None:
    page = await read(api)
    assert page["data"] == []
    made = (await api.create("tasks", "t1", title="a"))["lastSyncId"]
    assert ids(await read(api, f"?after={page['next_cursor']}")) == [made]


@pytest.mark.parametrize(
    ("query", "which"),
    [
        ("model=tasks", [0, 2, 3]),
        ("model=PROJECTS", [1]),
        ("op=update", [2]),
        ("op=group_added", []),
        ("since=2000-01-01T00:00:00Z", [0, 1, 2, 3]),
        ("since=2999-01-01T00:00:00+02:00", []),
        ("model=tasks&op=create", [0]),
    ],
)
async def test_filters(api: Any, written: list[int], query: str, which: list[int]) -> None:
    expected = [written[number] for number in which]
    assert ids(await read(api, f"?{query}")) == expected
    page = await read(api, f"?{query}&after=0.0")
    assert ids(page) == expected
    assert log_half(page) == written[-1]  # what was filtered out is behind it


@pytest.mark.parametrize(
    "query",
    [
        *(
            "after=x",
            "after=1.",
            "after=1.2.3",
            "after=-1.0",
            "after=1e3",
            "after=99999999999999999999",
        ),
        *("limit=0", "limit=x", "op=explode", "since=yesterday"),
    ],
)
async def test_what_is_no_cursor_or_filter(api: Any, query: str) -> None:
    answer = await api("GET", f"{LOGS}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_cursor_from_elsewhere_is_named(api: Any, written: list[int]) -> None:
    answer = await api("GET", f"{LOGS}?after=999999999.0")
    assert answer.json()["code"] == "cursor_ahead"


async def test_a_filter_that_matches_nothing_goes_on_in_steps(
    api: Any, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into tasks (id, organization_id, title, status)"
            " select 't' || n, %s, 'x', 'todo' from generate_series(1, 100) n",
            [world.organization],
        )
    made = (await api.create("projects", "p1", name="p"))["lastSyncId"]
    monkeypatch.setattr(log_routes, "PAGE", 10)
    monkeypatch.setattr(log_routes, "LOOKED_AT", 30)
    found: list[Any] = []
    cursor, pages = "0.0", 0
    while True:
        page = await read(api, f"?model=projects&after={cursor}")
        pages, found, cursor = pages + 1, found + ids(page), page["next_cursor"]
        if not page["has_more"]:
            break
    assert found == [made]
    assert pages == 4


async def test_plain_sql_is_in_the_feed_and_other_organizations_are_not(
    api: Any, world: Any, as_: Any, written: list[int]
) -> None:
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute(
            "update projects set name = 'sql' where id = 'p1' and organization_id = %s",
            [world.organization],
        )
    event = (await read(api, "?limit=1"))["data"][0]
    assert (event["op"], event["delta"]["data"]["name"]) == ("update", "sql")
    assert event["actor"].startswith("system:")
    stranger = await as_("system:a", "other")
    assert (await read(stranger, "?after=0.0"))["data"] == []


async def test_a_narrow_key_sees_its_models_and_groups_only(as_: Any, api: Any) -> None:
    await api.create("projects", "p1", name="p")
    await api.create("projects", "p2", name="p")
    mine = (await api.create("lineItems", "l1", label="x", projectId="p1"))["lastSyncId"]
    await api.create("lineItems", "l2", label="x", projectId="p2")
    narrow = await as_("agent:n", operations=["lineitems.read"], syncGroups=["projects:p1"])
    for query in ("", "?after=0.0"):
        assert ids(await read(narrow, query)) == [mine]
    assert (await narrow("GET", "/api/v1/models/lineItems/l2")).json()["data"] is None
    listed = (await narrow("GET", "/api/v1/models/lineItems")).json()["data"]
    assert [row["id"] for row in listed] == ["l1"]
    denied = await narrow("GET", "/api/v1/models/projects/p1")
    assert (denied.status_code, denied.json()["code"]) == (403, "capability_scope_denied")
