"""Commits over a socket: strict receipts, one outcome a transaction id, refusals that say why."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from ablo_pg.wire.receipts import OPTIONAL, REQUIRED

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


def create(row_id: str, title: str = "a") -> dict[str, Any]:
    return {"type": "CREATE", "model": "tasks", "id": row_id, "input": {"title": title}}


def update(row_id: str, **more: Any) -> dict[str, Any]:
    given = {"type": "UPDATE", "model": "tasks", "id": row_id, "input": {"title": "b"}}
    return {**given, **more}


async def test_a_receipt_has_exactly_the_keys_that_clients_take(world: Any) -> None:
    client = await (await world.client()).start()
    receipt = await client.commit(create("t1"), tx="commit_1")
    assert receipt.keys() >= REQUIRED
    assert receipt.keys() <= REQUIRED | OPTIONAL
    assert None not in receipt.values()
    assert receipt["clientTxId"] == "commit_1"
    assert receipt["status"] == "confirmed"
    assert receipt["lastSyncId"] == world.log()[-1]
    assert receipt["authority"]["organizationId"] == world.organization


async def test_a_transaction_id_sent_again_gets_the_first_receipt(world: Any) -> None:
    key = world.key()
    client = await (await world.client(key=key)).start()
    first = await client.commit(create("t1"), tx="commit_1")
    again = await client.commit(create("t1"), tx="commit_1")
    other = await (await world.client(key=key)).start()
    elsewhere = await other.commit(create("t1"), tx="commit_1")
    assert first == again == elsewhere
    assert len(world.log()) == 1


async def test_a_record_says_that_it_came_over_a_socket(world: Any) -> None:
    """Contract, commits: a record's attempts say over which transport; a replay over another."""
    key = world.key()
    client = await (await world.client(key=key)).start()
    http = await world.http(key)
    create = {"type": "CREATE", "model": "tasks", "id": "t1", "input": {"title": "a"}}
    first = await client.commit(create, tx="k")
    body = {"operations": [{"action": "create", "model": "tasks", "id": "t1"}]}
    body["operations"][0]["data"] = {"title": "a"}  # type: ignore[assignment]
    again = await http.post("/api/v1/commits", json=body, headers={"idempotency-key": "k"})
    assert again.json()["serverTxId"] == first["serverTxId"]
    record = (await http.get("/api/v1/commits/k")).json()
    assert [(one["transport"], one["kind"]) for one in record["attempts"]] == [
        ("websocket", "execution"),
        ("http", "replay"),
    ]


async def test_another_payload_under_the_same_id_is_refused(world: Any) -> None:
    client = await (await world.client()).start()
    await client.commit(create("t1"), tx="commit_1")
    refused = await client.commit(create("t2"), tx="commit_1")
    assert refused["success"] is False
    assert refused["status"] == "rejected"
    assert refused["error"]["code"] == "idempotency_conflict"


async def test_a_refusal_names_its_transaction_and_its_reason(world: Any) -> None:
    client = await (await world.client()).start()
    refused = await client.commit(update("missing", readAt=0), tx="commit_1")
    assert refused["clientTxId"] == "commit_1"
    assert refused["success"] is False
    assert isinstance(refused["error"]["code"], str)
    assert isinstance(refused["error"]["message"], str)
    assert refused["authority"]["participantId"] == "a"


async def test_a_stale_guard_rejects_and_names_the_row(world: Any) -> None:
    client = await (await world.client()).start()
    first = await client.create("t1")
    await client.commit(update("t1"))
    refused = await client.commit(
        update("t1", readAt=first["lastSyncId"], onStale="reject"), tx="x"
    )
    assert refused["error"]["code"] == "stale_context"
    assert refused["error"]["conflicts"][0]["id"] == "t1"


@pytest.mark.parametrize("word", ["force", "overwrite"])
async def test_older_words_for_stale_writes_are_known(world: Any, word: str) -> None:
    client = await (await world.client()).start()
    first = await client.create("t1")
    await client.commit(update("t1"))
    again = await client.commit(update("t1", readAt=first["lastSyncId"], onStale=word), tx="x")
    assert again["success"] is True


async def test_flag_leaves_the_row_and_tells(world: Any) -> None:
    client = await (await world.client()).start()
    first = await client.create("t1")
    await client.commit(update("t1"))
    told = await client.commit(update("t1", readAt=first["lastSyncId"], onStale="flag"), tx="x")
    assert told["success"] is True
    assert told["notifications"][0]["object"] == "stale_notification"


async def test_model_names_are_taken_in_any_case(world: Any) -> None:
    client = await (await world.client()).start()
    for at, name in enumerate(["lineitems", "LineItems", "lineItems"]):
        operation = {"type": "CREATE", "model": name, "id": f"l{at}", "input": {"label": "x"}}
        assert (await client.commit(operation))["success"], name
    assert [delta["modelName"] for delta in await client.deltas(3)] == ["lineItems"] * 3


async def test_the_operation_s_transaction_id_comes_back_in_the_delta(world: Any) -> None:
    client = await (await world.client()).start()
    await client.commit({**create("t1"), "transactionId": "tx_9"}, causedByTaskId="task")
    [delta] = await client.deltas(1)
    assert delta["transactionId"] == "tx_9"


async def test_a_delete_carries_no_data(world: Any) -> None:
    client = await (await world.client()).start()
    await client.create("t1")
    await client.commit({"type": "DELETE", "model": "tasks", "id": "t1"})
    deltas = await client.deltas(2)
    assert deltas[1]["actionType"] == "D"
    assert deltas[1]["data"] is None


async def test_commits_of_one_socket_are_in_its_order(world: Any) -> None:
    client = await (await world.client()).start()
    for step in range(20):
        operation = create("t1") if step == 0 else update("t1", input={"title": f"{step}"})
        await client.send("commit", operations=[operation], clientTxId=f"c{step}")
    found = [(await client.take("mutation_result"))["clientTxId"] for _ in range(20)]
    assert found == [f"c{step}" for step in range(20)]
    assert [delta["data"]["title"] for delta in await client.deltas(20)][-1] == "19"


async def test_a_ping_is_answered_while_a_commit_waits_for_a_row(world: Any) -> None:
    client = await (await world.client()).start()
    await client.create("t1")
    with psycopg.connect(world.db.admin_url) as holder:
        holder.execute(
            "select from tasks where organization_id = %s and id = 't1' for update",
            [world.organization],
        )
        await client.send("commit", operations=[update("t1")], clientTxId="waits")
        frames = await client.settle()
        assert all(frame["payload"].get("clientTxId") != "waits" for frame in frames)
    assert (await client.take("mutation_result", lambda p: p["clientTxId"] == "waits"))["success"]


async def test_identity_comes_from_the_key_alone(world: Any) -> None:
    client = await (await world.client("agent:a")).start()
    operation = {**create("t1"), "actor": "user:root", "organizationId": "other"}
    receipt = await client.commit(
        operation, tx="c1", organizationId="other", participant="user:root", actor="user:root"
    )
    assert receipt["success"]
    rows = world.sql(
        "select organization_id, actor from ablo.delta"
        " where model = 'tasks' and organization_id in (%s, 'other')",
        world.organization,
    )
    assert rows == [(world.organization, "agent:a")]


async def test_what_a_key_may_not_do_is_refused(world: Any) -> None:
    key = world.key(operations=["tasks.read"])
    client = await (await world.client(key=key)).start()
    refused = await client.commit(create("t1"), tx="c1")
    assert refused["error"]["code"] == "capability_scope_denied"


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"operations": [], "clientTxId": "c"}, "commit_operation_required"),
        (
            {"operations": [{**create("t1"), "type": "FROB"}], "clientTxId": "c"},
            "commit_operation_unsupported",
        ),
        ({"operations": "x", "clientTxId": "c"}, "invalid_body"),
        (
            {"operations": [create(f"t{n}") for n in range(501)], "clientTxId": "c"},
            "commit_too_many_operations",
        ),
        ({"operations": [create("t1")], "clientTxId": "c" * 256}, "idempotency_key_too_long"),
        ({"operations": [create("t1")], "clientTxId": ""}, "invalid_request"),
        (
            {"operations": [{**create("t1"), "model": "nope"}], "clientTxId": "c"},
            "server_execute_unknown_model",
        ),
    ],
)
async def test_a_commit_that_cannot_be_is_refused_by_name(
    world: Any, payload: dict[str, Any], code: str
) -> None:
    client = await (await world.client()).start()
    await client.send("commit", **payload)
    refused = await client.take("mutation_result")
    assert refused["clientTxId"] == payload["clientTxId"]
    assert refused["error"]["code"] == code
    assert world.log() == []


async def test_a_frame_that_is_too_large_is_refused_and_the_socket_stays(world: Any) -> None:
    client = await (await world.client()).start()
    refused = await client.commit(create("t1", "x" * (1 << 20)), tx="big")
    assert refused["error"]["code"] == "request_too_large"
    assert (await client.create("t2"))["success"]


async def test_what_cannot_be_read_is_refused_in_its_turn(world: Any) -> None:
    """JSON.stringify sends half a character as an escape; the client would send it for ever."""
    client = await (await world.client()).start()
    deep: Any = "x"
    for _ in range(70):
        deep = [deep]
    for step, title in enumerate(["a", "cut \ud83d", deep, "x" * (1 << 20)]):
        operation = {**create(f"t{step}"), "input": {"title": title}}
        await client.send("commit", operations=[operation], clientTxId=f"c{step}")
    found = [await client.take("mutation_result") for _ in range(4)]
    assert [one["clientTxId"] for one in found] == ["c0", "c1", "c2", "c3"]
    codes = [one.get("error", {}).get("code") for one in found]
    assert codes == [None, "invalid_json", "invalid_json", "request_too_large"]
    assert len(world.log()) == 1
    assert (await client.create("t9"))["success"]


async def test_a_frame_far_too_large_ends_the_connection(world: Any) -> None:
    client = await (await world.client()).start()
    with contextlib.suppress(ConnectionClosed):
        await client.socket.send(json.dumps({"type": "x", "payload": "x" * (5 << 20)}))
    code, _ = await client.closed()
    assert code == 1009
