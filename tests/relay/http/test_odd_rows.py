"""Rows that Python's readers refuse, written by plain SQL: every door answers with their bytes."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.anyio

ODD = {
    "deep": "[" * 5000 + "1" + "]" * 5000,
    "digits": "1" + "0" * 131071,
    "exact": "12345678901234567890.1234567890123456789",
}


@pytest.fixture
def odd(world: Any) -> Any:
    with psycopg.connect(world.db.admin_url) as conn:
        conn.execute("insert into projects (id, organization_id, name) values ('p1', 'acme', 'p')")
        for row_id, text in ODD.items():
            conn.execute(
                'insert into "lineItems" (id, organization_id, label, project_id, meta)'
                " values (%s, 'acme', 'x', 'p1', %s::jsonb)",
                [row_id, f'{{"a": {text}}}'],
            )
    return world


def holds(content: bytes, row_id: str) -> bool:
    """Whether an answer has the row's value, digit by digit."""
    return re.search(rb'"a":\s?' + re.escape(ODD[row_id].encode()), content) is not None


@pytest.mark.parametrize("row_id", ODD)
async def test_every_door_answers(odd: Any, row_id: str) -> None:
    api = await odd.api()
    narrow = await odd.api(
        participant="user:few",
        operations=["lineitems.read", "lineitems.update", "projects.read"],
        syncGroups=["projects:p1", "project:p1"],
    )
    row, stale = f"/api/v1/models/lineItems/{row_id}", {"readAt": 0, "onStale": "notify"}
    kernel = {"model": "lineItems", "id": row_id}
    query = {"queries": [{"model": "projects", "related": ["lineItems"]}]}
    doors = {
        "row": ("GET", row, None),
        "list": ("GET", "/api/v1/models/lineItems?limit=1000", None),
        "query": ("POST", "/api/sync/query", {"queries": [{"model": "lineItems"}]}),
        "bootstrap": ("GET", "/api/sync/bootstrap?models=lineItems", None),
        "entity": ("GET", f"/api/sync/entity/lineItems/{row_id}", None),
        "history": ("POST", "/api/v1/kernel/row_history", kernel),
        "row_get": ("POST", "/api/v1/kernel/row_get", kernel),
        "row_list": ("POST", "/api/v1/kernel/row_list", {"model": "lineItems", "query": {}}),
        "snapshot": ("POST", "/api/v1/kernel/snapshot_read", {"targets": [kernel]}),
        "log": ("POST", "/api/v1/kernel/log_read", {"after": 0, "limit": 100}),
        "logs": ("GET", "/api/v1/logs?limit=50", None),
        "acquire": ("POST", "/api/v1/kernel/claim_acquire", {**kernel, "request": {"ttl": "5s"}}),
        "stale write": ("PATCH", row, {"data": {"label": "q"}, **stale}),
    }
    for name, door in doors.items():
        answer = await api(*door)
        assert answer.status_code in (200, 201), (name, answer.text[:200])
        assert holds(answer.content, row_id), name
    related = await api("POST", "/api/sync/query", query)
    assert related.status_code == 200, related.text[:200]
    claimed = await narrow("POST", f"{row}/claim", {"ttl": "1s"})
    assert claimed.status_code < 300 or claimed.json()["code"] == "capability_scope_denied"
    after = await api("GET", f"/api/v1/models/lineItems?starting_after={row_id}")
    assert after.status_code == 200


async def test_related_rows_are_nested_as_they_are(odd: Any) -> None:
    api = await odd.api()
    asked = {"queries": [{"model": "lineItems", "related": ["project"]}]}
    answer = await api("POST", "/api/sync/query", asked)
    assert all(holds(answer.content, row_id) for row_id in ODD)
    assert answer.content.count(b'"name"') == len(ODD)


async def test_claims_and_presence_of_any_shape_are_shown(odd: Any) -> None:
    """Written past the checks, or before there were any."""
    api = await odd.api()
    narrow = await odd.api(participant="user:few", operations=["lineitems.read"])
    beat = {"session": "s", "request": {"ttl": "60s", "meta": {"a": 1}}}
    assert (await api("POST", "/api/v1/kernel/presence_beat", beat)).status_code == 200
    held = await api("POST", "/api/v1/models/lineItems/exact/claim", {"ttl": "60s"})
    claim_id = held.json()["id"]
    for meta in ("[1]", '"x"', '{"a": 1e131071}', '{"syncGroups": [[{}], 5]}', ODD["deep"]):
        with psycopg.connect(odd.db.admin_url) as conn:
            conn.execute("update ablo.presence set meta = %s::jsonb, activity = meta", [meta])
            conn.execute("update ablo.claim set meta = %s::jsonb", [meta])
        for caller in (api, narrow):
            for method, path, body in (
                ("POST", "/api/v1/kernel/presence_list", {}),
                ("POST", "/api/v1/kernel/claim_line", {"model": "lineItems", "id": "exact"}),
                ("GET", "/api/v1/claims", None),
                ("GET", f"/api/v1/claims/{claim_id}", None),
                ("GET", "/api/v1/models/lineItems/exact", None),
                ("GET", "/api/v1/logs?limit=50&after=0.0", None),
            ):
                answer = await caller(method, path, body)
                assert answer.status_code < 500, (meta[:30], path, answer.text[:200])


@pytest.mark.parametrize("number", ["1e131071", "1e200000", "-1e309", "1" * 5000])
async def test_what_no_client_reads_is_refused(api: Any, number: str) -> None:
    raw = f'{{"id": "new", "data": {{"label": "x", "meta": {{"a": {number}}}}}}}'
    headers = {"authorization": f"Bearer {api.key}", "content-type": "application/json"}
    answer = await api.client.post("/api/v1/models/lineItems", content=raw, headers=headers)
    assert answer.status_code == 400, answer.text
    assert answer.json()["remedy"]


async def test_a_filter_may_hold_long_numbers(odd: Any) -> None:
    api = await odd.api()
    where = [["meta", "=", {"a": int("1" * 30)}]]
    asked = {"queries": [{"model": "lineItems", "where": where}]}
    assert (await api("POST", "/api/sync/query", asked)).status_code == 200
    path = "/api/v1/models/lineItems?meta=%7B%22a%22%3A" + "1" * 30 + "%7D"
    assert (await api("GET", path)).status_code == 200
