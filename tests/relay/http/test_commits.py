"""Commits of several operations, and the records that are kept of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .world import World

pytestmark = pytest.mark.anyio

RECORD = {
    *("id", "attempts", "actor", "authority", "claims", "createdAt", "readSet", "operations"),
    *("receipt", "status", "statusAt", "lastSyncId"),
}
COMMITS = "/api/v1/commits"


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


def op(action: str, row_id: str, data: Any = None, **given: Any) -> dict[str, Any]:
    """An operation with all nine keys, as clients send them; unset ones null."""
    unset = dict.fromkeys(("transactionId", "claimId", "readAt", "onStale", "fenceToken"))
    return {"action": action, "model": "tasks", "id": row_id, "data": data} | unset | given


async def send(api: Any, *operations: Any, key: str = "k", **more: Any) -> Any:
    body = {"operations": list(operations)} | more
    return await api("POST", COMMITS, body, idempotency_key=key)


async def test_all_operations_land_or_none(api: Any) -> None:
    answer = await send(api, op("create", "t1", {"title": "a"}), op("update", "t9", {"title": "b"}))
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")
    assert answer.json()["operation"] == 1
    assert (await api("GET", "/api/v1/models/tasks/t1")).json()["data"] is None
    answer = await send(
        api,
        op("create", "t1", {"title": "a"}),
        op("update", "t1", {"title": "b"}, transactionId="tx_1"),
        op("create", "t2", {"title": "c"}),
        op("delete", "t2"),
    )
    assert (answer.status_code, answer.json()["ops"]) == (200, 4)
    assert (await api("GET", "/api/v1/models/tasks/t1")).json()["data"]["title"] == "b"
    assert (await api("GET", "/api/v1/models/tasks/t2")).json()["data"] is None


@pytest.mark.parametrize("name", ["lineItems", "lineitems", "LINEITEMS"])
async def test_models_are_named_as_every_door_spells_them(api: Any, name: str) -> None:
    answer = await send(api, op("create", "l1", {"label": "x"}, model=name))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([], "commit_operation_required"),
        ([op("create", "t1", {"title": "a"}, model="nope")], "server_execute_unknown_model"),
        ([op("upsert", "t1", {})], "commit_operation_unsupported"),
        ([op("update", "t1", [1])], "invalid_body"),
        ([op("create", "t1", {"title": 1})], "column_type_mismatch"),
        ([{"model": "tasks", "id": "t1"}], "invalid_body"),
        (["create"], "invalid_body"),
        ({"action": "create"}, "invalid_body"),
    ],
)
async def test_operations_are_checked(api: Any, operations: Any, code: str) -> None:
    answer = await api("POST", COMMITS, {"operations": operations})
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text


async def test_an_operation_without_an_id_is_refused(api: Any) -> None:
    answer = await send(api, op("create", "x", {"title": "a"}) | {"id": None})
    assert answer.status_code == 400


async def test_500_operations_and_no_more(api: Any) -> None:
    many = [op("create", f"t{n}", {"title": "a"}) for n in range(501)]
    answer = await send(api, *many)
    assert (answer.status_code, answer.json()["code"]) == (400, "commit_too_many_operations")
    assert (await send(api, *many[:500])).json()["ops"] == 500


async def test_500_premises_and_tracks_and_no_more(api: Any) -> None:
    stamp = (await api.create("tasks", "t1", title="a"))["lastSyncId"]
    premise = {"model": "tasks", "id": "t1", "readAt": stamp}
    track = [{"model": "tasks", "id": "t1"}]
    update = op("update", "t1", {"title": "b"})
    answer = await send(api, update, reads=[premise] * 500, track=track)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert (await send(api, update, reads=[premise] * 499, track=track)).status_code == 200


async def test_a_commit_may_only_track(api: Any, as_: Any) -> None:
    stamp = (await api.create("tasks", "t1", title="a"))["lastSyncId"]
    track = [{"model": "tasks", "id": "t1", "readAt": stamp, "onStale": "notify"}]
    answer = await api("POST", COMMITS, {"track": track}, idempotency_key="k")
    assert (answer.status_code, answer.json()["ops"]) == (200, 0)
    other = await as_("agent:b")
    await other("PATCH", "/api/v1/models/tasks/t1", {"data": {"title": "moved"}})
    (told,) = (await send(api, op("create", "t2", {"title": "x"}), key="k2")).json()[
        "notifications"
    ]
    assert told["target"]["id"] == "t1"


async def test_a_record_has_the_keys_that_clients_take(api: Any) -> None:
    made = await send(
        api, op("create", "t1", {"title": "secret"}), op("create", "t2", {"title": "b"})
    )
    record = (await api("GET", f"{COMMITS}/k")).json()
    assert record.keys() == RECORD
    assert record["id"] == "k"
    assert record["actor"] == {"kind": "system", "id": "a"}
    assert record["receipt"] == {
        "clientTxId": "k",
        "serverTxId": made.json()["serverTxId"],
        "ops": 2,
    }
    assert (record["status"], record["lastSyncId"]) == ("confirmed", made.json()["lastSyncId"])
    assert [one["id"] for one in record["operations"]] == ["t1", "t2"]
    assert all(one["data"] == {"retention": "redacted"} for one in record["operations"])
    (attempt,) = record["attempts"]
    assert attempt.keys() == {"id", "observedAt", "transport", "kind"}
    assert "secret" not in str(record)
    by_transaction = await api("GET", f"{COMMITS}/{made.json()['serverTxId']}")
    assert by_transaction.json() == record


async def test_a_record_names_the_claim_that_was_written_under(api: Any) -> None:
    await api.create("tasks", "t1", title="a")
    held = (await api("POST", "/api/v1/models/tasks/t1/claim", {})).json()
    await send(api, op("update", "t1", {"title": "b"}, claimId=held["id"]))
    (claim,) = (await api("GET", f"{COMMITS}/k")).json()["claims"]
    assert claim == {
        "id": held["id"],
        "target": {"scope": "row", "model": "tasks", "id": "t1"},
        "fenceToken": held["fenceToken"],
    }


async def test_a_record_says_over_what_it_came_and_how_often(api: Any) -> None:
    """Contract, commits: `attempts`, at least one; a replay is one more of its own kind."""
    create = op("create", "t1", {"title": "a"})
    receipts = [(await send(api, create)).json() for _ in range(3)]
    assert receipts[0] == receipts[2]
    attempts = (await api("GET", f"{COMMITS}/k")).json()["attempts"]
    assert [one["kind"] for one in attempts] == ["execution", "replay", "replay"]
    assert {one["transport"] for one in attempts} == {"http"}
    assert len({one["id"] for one in attempts}) == 3
    times = [one["observedAt"] for one in attempts]
    assert times == sorted(times)
    assert times[0] == receipts[0]["createdAt"]
    for _ in range(30):
        await send(api, create)
    assert len((await api("GET", f"{COMMITS}/k")).json()["attempts"]) == 21  # bounded


async def test_a_record_says_what_was_read(api: Any, world: World) -> None:
    """Contract, commits: `readSet` holds what was read and until where, without values."""
    stamp = (await api.create("tasks", "t1", title="a"))["lastSyncId"]
    own = f"org:{world.organization}"
    group = {"group": own, "readAt": stamp, "onStale": "notify"}
    reads = [
        {"model": "tasks", "id": "t1", "readAt": stamp, "fields": ["title"]},
        group,
        {"model": "tasks", "where": [["title", "=", "secret"]], "readAt": stamp},
        {"model": "tasks", "id": "t9", "absent": True},
    ]
    assert (await send(api, op("create", "t2", {"title": "b"}), reads=reads)).status_code == 200
    record = (await api("GET", f"{COMMITS}/k")).json()
    common = {"watermark": stamp, "lifetime": "commit"}
    row = {"scope": "row", "model": "tasks", "id": "t1", "fields": ["title"]}
    assert record["readSet"] == [
        {"target": row, "onStale": "reject", **common},
        {"target": {"scope": "group", "group": own}, "onStale": "notify", **common},
    ]
    assert "secret" not in str(record)
    await send(api, op("create", "t3", {"title": "c"}), key="none")
    assert (await api("GET", f"{COMMITS}/none")).json()["readSet"] == []


async def test_an_unknown_commit_is_null(api: Any, as_: Any) -> None:
    await send(api, op("create", "t1", {"title": "a"}), key="mine")
    for caller in (api, await as_("system:b"), await as_("system:a", "other")):
        name = "nothing" if caller is api else "mine"
        answer = await caller("GET", f"{COMMITS}/{name}")
        assert (answer.status_code, answer.content) == (200, b"null")


async def test_commits_are_listed_newest_first_in_pages(api: Any, as_: Any) -> None:
    other = await as_("agent:b")
    for number in range(5):
        await send(api, op("create", f"a{number}", {"title": "x"}), key=f"a{number}")
    await send(other, op("create", "b", {"title": "x"}), key="b")
    found, cursor = [], ""
    while True:
        page = (await api("GET", f"{COMMITS}?limit=2{cursor}")).json()
        assert page.keys() == {"data", "nextCursor"}
        assert all(record.keys() == RECORD for record in page["data"])
        found += [record["id"] for record in page["data"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert found == ["b", "a4", "a3", "a2", "a1", "a0"]
    mine = (await api("GET", f"{COMMITS}?actorId=b")).json()["data"]
    assert [record["id"] for record in mine] == ["b"]
    assert re.fullmatch(r"[\w-]+", mine[0]["receipt"]["serverTxId"])
    assert (await api("GET", f"{COMMITS}?status=rejected")).json()["data"] == []
    stranger = await as_("system:a", "other")
    assert (await stranger("GET", COMMITS)).json() == {"data": [], "nextCursor": None}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=e30="])
async def test_a_page_of_commits_is_checked(api: Any, query: str) -> None:
    assert (await api("GET", f"{COMMITS}?{query}")).status_code == 400
