"""On-demand reads by physical columns, single rows, and whether a key is still good."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(own_organization: Any) -> Any:
    return own_organization


@pytest.fixture
async def rows(world: Any) -> Any:
    """Three line items of two projects."""
    client = await (await world.client()).start()
    for name in ("p1", "p2"):
        operation = {"type": "CREATE", "model": "projects", "id": name, "input": {"name": name}}
        receipt = await client.commit(operation)
        assert receipt["success"], str(receipt)
    for row, project in (("l1", "p1"), ("l2", "p1"), ("l3", "p2")):
        operation = {"type": "CREATE", "model": "lineitems", "id": row}
        data = {"label": f"x{row}", "projectId": project}
        receipt = await client.commit({**operation, "input": data})
        assert receipt["success"], str(receipt)
    return await world.http()


async def ask(http: Any, *queries: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post("/api/sync/query", json={"queries": list(queries)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def ids(result: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in result]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ([["id", "l2"]], ["l2"]),
        ([["project_id", "p1"]], ["l1", "l2"]),
        ([["project_id", "=", "p1"], ["id", "!=", "l1"]], ["l2"]),
        ([["project_id", "IN", ["p2", "p3"]]], ["l3"]),
        ([["project_id", "NOT IN", ["p2"]]], ["l1", "l2"]),
        ([["due_date", "IS", None]], ["l1", "l2", "l3"]),
        ([["due_date", "IS NOT", None]], []),
        ([["label", "LIKE", "xl%"]], ["l1", "l2", "l3"]),
        ([["label", "NOT LIKE", "%1"]], ["l2", "l3"]),
        ([["label", "ILIKE", "XL1"]], ["l1"]),
        ([["label", "NOT ILIKE", "XL1"]], ["l2", "l3"]),
        ([["id", ">", "l1"], ["id", "<=", "l2"]], ["l2"]),
        ([["id", "<>", "l1"], ["id", ">=", "l1"], ["id", "<", "l3"]], ["l2"]),
    ],
)
async def test_clauses_name_columns(rows: Any, where: Any, found: list[str]) -> None:
    answer = await ask(rows, {"model": "lineItems", "where": where})
    assert ids(answer["results"][0]) == found
    assert [each["id"] for each in answer["evidence"][0]] == found


async def test_rows_have_their_wire_names(rows: Any) -> None:
    answer = await ask(rows, {"model": "lineItems", "where": [["id", "l1"]], "limit": 1})
    [row] = answer["results"][0]
    assert row["projectId"] == "p1"
    assert "project_id" not in row


async def test_each_query_has_its_slot_and_evidence(world: Any, rows: Any) -> None:
    answer = await ask(
        rows,
        {"model": "tasks"},
        {"model": "lineItems", "orderBy": "project_id", "order": "desc", "limit": 2},
    )
    assert answer["results"][0] == []
    assert ids(answer["results"][1])[0] == "l3"
    assert len(answer["results"][1]) == 2
    stamps = {each["id"]: each["stamp"] for each in answer["evidence"][1]}
    assert set(stamps.values()) <= set(world.log())
    assert answer["lastSyncId"] == world.log()[-1]
    assert "errors" not in answer


async def test_more_rows_than_a_page(world: Any) -> None:
    world.write(1, 2300)
    answer = await ask(await world.http(), {"model": "tasks", "orderBy": "created_at"})
    assert len(answer["results"][0]) == 2300


async def test_related_rows_are_nested(rows: Any) -> None:
    answer = await ask(rows, {"model": "lineItems", "orderBy": "id", "related": ["project"]})
    assert [row["project"]["name"] for row in answer["results"][0]] == ["p1", "p1", "p2"]


async def test_a_query_that_fails_leaves_the_others(rows: Any) -> None:
    answer = await ask(
        rows,
        {"model": "lineItems", "where": [["nope", "x"]]},
        {"model": "nope"},
        {"model": "lineItems", "related": ["nope"]},
        {"model": "lineItems", "where": [["label", "~", "x"]]},
        {"model": "lineItems", "where": [["id", "l1"]]},
    )
    assert [len(one) for one in answer["results"]] == [0, 0, 0, 0, 1]
    assert [error["index"] for error in answer["errors"]] == [0, 1, 2, 3]
    codes = [error["code"] for error in answer["errors"]]
    assert codes == [
        "query_invalid_identifier",
        "server_execute_unknown_model",
        "query_unknown_relation",
        "query_unsupported_operator",
    ]
    assert all(error["event_id"] and error["message"] for error in answer["errors"])


async def test_one_row_by_typename(rows: Any) -> None:
    answer = await rows.get("/api/sync/entity/lineItems/l1")
    assert answer.json().get("label") == "xl1", answer.text
    missing = await rows.get("/api/sync/entity/lineItems/none")
    assert missing.status_code == 404
    assert missing.json()["code"] == "entity_not_found"


async def test_whether_a_key_is_good(world: Any) -> None:
    good = await world.http()
    assert (await good.head("/api/auth/check")).status_code == 204
    bad = await world.http("sk_nope")
    answer = await bad.head("/api/auth/check", headers={"origin": "https://app.example"})
    assert answer.status_code == 401
    assert answer.headers["x-auth-failure"] == "apikey_invalid"


async def test_the_reason_is_shown_across_origins(world: Any) -> None:
    relay = await world.start(allowed_origins=("https://app.example",))
    bad = await world.http("sk_nope", relay)
    answer = await bad.head("/api/auth/check", headers={"origin": "https://app.example"})
    assert "x-auth-failure" in answer.headers["access-control-expose-headers"].lower()


async def test_so_many_queries_and_no_more(world: Any) -> None:
    http = await world.http()
    for count in (0, 51):
        body = {"queries": [{"model": "tasks"}] * count}
        answer = await http.post("/api/sync/query", json=body)
        assert answer.status_code == 400
        assert answer.json()["code"] == "queries_required"
