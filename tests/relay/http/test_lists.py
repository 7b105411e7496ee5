"""Lists: equality filters by field type, one order, pages, evidence for every row."""

from __future__ import annotations

from typing import Any

import pytest

from .world import World

pytestmark = pytest.mark.anyio

LIST = "/api/v1/models/lineItems"


@pytest.fixture
def world(own_organization: World) -> World:
    return own_organization


@pytest.fixture
async def items(api: Any) -> dict[str, int]:
    """Five rows; returns the stamp of each."""
    stamps = {}
    for number in range(5):
        data = {
            "label": f"l{number % 2}",
            "amount": number,
            "isOpen": number < 3,
            "status": "done" if number == 4 else "todo",
            "dueDate": None if number == 0 else f"d{number}",
            "meta": {"n": number} if number else None,
        }
        receipt = await api.create("lineItems", f"i{number}", **data)
        stamps[f"i{number}"] = receipt["lastSyncId"]
    return stamps


async def ids(api: Any, query: str) -> list[str]:
    answer = await api("GET", f"{LIST}?{query}")
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


async def test_the_envelope_has_evidence_for_each_row(api: Any, items: dict[str, int]) -> None:
    body = (await api("GET", LIST)).json()
    assert body.keys() == {
        *("object", "model", "data", "has_more", "next_cursor", "stamp", "evidence")
    }
    assert (body["object"], body["model"]) == ("list", "lineItems")
    assert (body["has_more"], body["next_cursor"]) == (False, None)
    assert body["stamp"] == max(items.values())
    assert body["evidence"] == [{"id": key, "stamp": items[key]} for key in sorted(items)]
    assert [row["id"] for row in body["data"]] == sorted(items)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("label=l1", ["i1", "i3"]),
        ("isOpen=true&label=l0", ["i0", "i2"]),
        ("isOpen=false", ["i3", "i4"]),
        ("amount=3", ["i3"]),
        ("amount=3.0", ["i3"]),
        ("status=done", ["i4"]),
        ("id=i2", ["i2"]),
        ("where=amount %3E 2 or label = 'l0' and %22isOpen%22", ["i0", "i2", "i3", "i4"]),
        ('where=["amount",">",3]', ["i4"]),
        ('where={"or":[["amount",0],{"not":["amount","<",4]}]}&label=l0', ["i0", "i4"]),
        ("where=meta -%3E%3E 'n' = '3'", ["i3"]),
        ("due_date=d2", ["i2"]),  # a column's name stands for its field
        ("label=l1&isOpen=false", ["i3"]),  # filters are all to hold
        ("label=", []),
        ("organizationId=other", []),
        ("organizationId=OWN&status=done", ["i4"]),
        ("limit=2", ["i0", "i1"]),
        ("order=desc&limit=2", ["i4", "i3"]),
        ("order_by=amount&order=desc&limit=2", ["i4", "i3"]),
        ("order_by=label&limit=3", ["i0", "i2", "i4"]),
        ("order_by=dueDate&order=asc&limit=2", ["i1", "i2"]),
        ("order_by=due_date&order=desc&limit=1", ["i4"]),
        ("starting_after=i2", ["i3", "i4"]),
        ("order_by=label&starting_after=i2", ["i4", "i1", "i3"]),
        ("order_by=amount&order=desc&starting_after=i2", ["i1", "i0"]),
    ],
)
async def test_what_is_asked_for(
    api: Any, world: World, items: dict[str, int], query: str, expected: list[str]
) -> None:
    assert await ids(api, query.replace("OWN", world.organization)) == expected


@pytest.mark.parametrize(
    ("query", "code", "param"),
    [
        ("nope=1", "query_invalid_identifier", "nope"),
        ("order_by=nope", "query_invalid_identifier", "nope"),
        ("order_by=meta", "invalid_request", "meta"),
        ("order=sideways", "invalid_request", "order"),
        ("limit=0", "invalid_request", "limit"),
        ("limit=-1", "invalid_request", "limit"),
        ("limit=1001", "invalid_request", "limit"),
        ("limit=many", "invalid_request", "limit"),
        ("limit=1&limit=2", "invalid_request", "limit"),
        ("label=l1&label=l0", "invalid_request", "label"),
        ("where=amount >", "invalid_request", "where"),
        ("where=nope = 1", "query_invalid_identifier", "where"),
        ('where=["nope",1]', "query_invalid_identifier", "nope"),
        ('where=["amount"', "invalid_request", "where"),
        ('where={"sleep":[]}', "invalid_request", "where"),
        ("where=1", "invalid_request", "where"),
        ("isOpen=yes", "column_type_mismatch", "isOpen"),
        ("archived=yes", "invalid_request", "archived"),
        ("archived=true&archived=true", "invalid_request", "archived"),
        ("amount=much", "column_type_mismatch", "amount"),
        ("starting_after=nobody", "cursor_invalid", "starting_after"),
        ("starting_after=WzFd", "cursor_invalid", "after"),
    ],
)
async def test_what_cannot_be_asked_for(api: Any, query: str, code: str, param: str) -> None:
    answer = await api("GET", f"{LIST}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer.json()["param"] == param


@pytest.mark.parametrize("order", ["", "order_by=label&order=desc", "order_by=dueDate"])
async def test_pages_bring_each_row_once(api: Any, items: dict[str, int], order: str) -> None:
    whole = await ids(api, order)
    found: list[str] = []
    after = ""
    while True:
        body = (await api("GET", f"{LIST}?{order}&limit=2{after}")).json()
        found += [row["id"] for row in body["data"]]
        assert body["has_more"] == (body["next_cursor"] is not None)
        if not body["has_more"]:
            break
        after = f"&starting_after={body['next_cursor']}"
    assert found == whole
    assert sorted(found) == sorted(items)


async def test_archived_rows_are_left_out_unless_asked_for(api: Any, items: dict[str, int]) -> None:
    archive = {"action": "archive", "model": "lineItems", "id": "i0"}
    assert (await api("POST", "/api/v1/commits", {"operations": [archive]})).status_code == 200
    assert "i0" not in await ids(api, "")
    assert "i0" in await ids(api, "archived=true")


async def test_another_organization_sees_none_of_it(
    as_: Any, api: Any, world: World, items: dict[str, int]
) -> None:
    stranger = await as_("system:a", "other")
    assert (await stranger("GET", LIST)).json()["data"] == []
    assert await ids(stranger, f"organizationId={world.organization}") == []
    assert (await stranger("GET", f"{LIST}/i1")).json()["data"] is None
    answer = await stranger("GET", f"{LIST}?starting_after=i1")
    assert answer.json()["code"] == "cursor_invalid"  # as for an id that there is not
