"""Pushing a schema through the relay, and reading it back."""

from __future__ import annotations

import copy
from typing import Any

import psycopg
import pytest

from ablo_pg.relay.http.schema_routes import VERSIONS
from ablo_pg.schema import dump_schema_json

pytestmark = pytest.mark.anyio

TASKS: dict[str, Any] = {
    "v": 3,
    "models": {
        "tasks": {
            "fields": {
                "title": {"type": "string", "isOptional": False, "isIndexed": False},
                "status": {
                    "type": "enum",
                    "isOptional": False,
                    "isIndexed": False,
                    "enumValues": ["todo", "doing", "done"],
                },
            },
            "relations": {},
            "load": "instant",
            "typename": "tasks",
            "tableName": "tasks",
            "tenancy": {"kind": "column", "column": "organization_id"},
            "plane": "tenant",
            "mutable": True,
        }
    },
    "identityRoles": [],
}


def push_body(schema: Any, **more: Any) -> dict[str, Any]:
    return {"schema": schema, "force": False, "renames": [], "backfills": []} | more


@pytest.fixture
def pushed(schema: Any) -> dict[str, Any]:
    """The active schema, to be changed."""
    return copy.deepcopy(dump_schema_json(schema.spec))


async def test_a_first_push_makes_the_api(kernel_world: Any) -> None:
    api = await kernel_world.api()
    empty = (await api("GET", "/api/schema")).json()
    assert (empty["active"], empty["models"]) == (False, [])
    answer = await api("POST", "/api/schema", push_body(TASKS))
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert (body["version"], body["hash"]) == (1, "5f48d2df")  # the digits other languages get
    assert body["warnings"] == []
    assert body["unchanged"] is False
    await api.create("tasks", "t1", title="x", status="todo")
    again = (await api("POST", "/api/schema", push_body(TASKS))).json()
    assert (again["version"], again["hash"], again["unchanged"]) == (1, "5f48d2df", True)


@pytest.mark.parametrize("path", ["/api/schema", "/api/v1/schema"])
async def test_the_active_schema_is_read_back(api: Any, path: str) -> None:
    body = (await api("GET", path)).json()
    assert body.keys() >= {
        *("active", "environment", "project", "models", "schemaId", "version", "hash", "pushedAt")
    }
    assert body["active"] is True
    assert body["project"] == "acme"
    model = next(one for one in body["models"] if one["key"] == "tasks")
    assert model.keys() >= {"key", "typename", "conflict", "hash", "fields", "relations"}
    assert model["fields"]["title"]["type"] == "string"


async def test_versions_say_what_each_changed(world: Any, api: Any, pushed: dict[str, Any]) -> None:
    note = {"type": "string", "isOptional": True, "isIndexed": False}
    pushed["models"]["tasks"]["fields"]["note"] = note
    await api("POST", "/api/schema", push_body(pushed))
    body = (await api("GET", "/api/schema/versions")).json()
    assert [(one["version"], one["active"]) for one in body["versions"]] == [(2, True), (1, False)]
    newest, first = body["versions"]
    assert [(one["kind"], one["model"], one["field"]) for one in newest["changes"]] == [
        ("field_added", "tasks", "note")
    ]
    assert {one["kind"] for one in first["changes"]} == {"model_added"}
    assert body["hasMore"] is False
    with psycopg.connect(world.db.admin_url, autocommit=True) as conn:
        conn.execute(
            "insert into ablo.schema_version (version, hash, schema, active)"
            " select version + n, hash, schema, false"
            " from ablo.schema_version, generate_series(1, %s::int) n where active",
            [VERSIONS],
        )
    body = (await api("GET", "/api/schema/versions")).json()
    assert (len(body["versions"]), body["hasMore"]) == (VERSIONS, True)
    assert [one["changes"] for one in body["versions"]] == [[]] * VERSIONS


async def test_an_additive_change_is_seen_by_every_relay(
    world: Any, api: Any, pushed: dict[str, Any]
) -> None:
    other = await world.start()
    pushed["models"]["tasks"]["fields"]["note"] = {
        "type": "string",
        "isOptional": True,
        "isIndexed": False,
    }
    pushed["models"]["notes"] = copy.deepcopy(TASKS["models"]["tasks"])
    pushed["models"]["notes"] |= {"typename": "notes", "tableName": "notes"}
    answer = await api("POST", "/api/schema", push_body(pushed))
    assert answer.json()["version"] == 2, answer.text
    await api.create("tasks", "t1", title="x", note="new")
    there = await world.with_key(api.key, other)
    await there.create("notes", "n1", title="x", status="todo")  # it looks when it does not know


async def test_a_risky_change_is_refused_until_it_is_forced(
    api: Any, pushed: dict[str, Any]
) -> None:
    del pushed["models"]["lineItems"]
    answer = await api("POST", "/api/schema", push_body(pushed))
    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "incompatible_change")
    assert [one["model"] for one in body["unexecutable"]] == ["lineItems"]
    assert body["unexecutable"][0]["detail"]
    assert body["warnings"] == []
    assert (await api("GET", "/api/schema")).json()["version"] == 1
    answer = await api("POST", "/api/schema", push_body(pushed, force=True))
    assert answer.status_code == 200
    assert [one["model"] for one in answer.json()["warnings"]] == ["lineItems"]
    gone = await api("GET", "/api/v1/models/lineItems")
    assert gone.json()["code"] == "server_execute_unknown_model"


@pytest.mark.parametrize("path", ["/api/schema/dry-run", "/api/v1/schema/dry-run"])
async def test_a_dry_run_answers_as_the_push_and_keeps_nothing(
    api: Any, pushed: dict[str, Any], path: str
) -> None:
    assert (await api("POST", path, push_body(pushed))).json()["unchanged"] is True
    await api.create("tasks", "t1", title="x")
    fields = pushed["models"]["tasks"]["fields"]
    fields["owner"] = {"type": "string", "isOptional": False, "isIndexed": False}
    refused = await api("POST", path, push_body(pushed))
    assert (refused.status_code, refused.json()["code"]) == (409, "incompatible_change")
    assert refused.json()["unexecutable"][0]["detail"] == "1 stored rows violate it"
    backfills = [{"model": "tasks", "field": "owner", "value": "nobody"}]
    for _ in range(2):
        told = (await api("POST", path, push_body(pushed, backfills=backfills))).json()
        assert (told["version"], told["status"], told["unchanged"]) == (2, "dry_run", False)
        assert [(one["kind"], one["field"]) for one in told["changes"]] == [
            ("field_added", "owner")
        ]
    assert (await api("GET", "/api/schema")).json()["version"] == 1
    assert "owner" not in (await api("GET", "/api/v1/models/tasks/t1")).json()["data"]


async def test_a_rename_takes_the_rows_along(api: Any, pushed: dict[str, Any]) -> None:
    await api.create("tasks", "t1", title="kept")
    pushed["models"]["tasks"]["fields"]["name"] = pushed["models"]["tasks"]["fields"].pop("title")
    refused = await api("POST", "/api/schema", push_body(pushed))
    assert refused.json()["code"] == "incompatible_change"
    renames = [{"from": "tasks.title", "to": "tasks.name"}]
    answer = await api("POST", "/api/schema", push_body(pushed, renames=renames))
    assert answer.status_code == 200, answer.text
    assert (await api("GET", "/api/v1/models/tasks/t1")).json()["data"]["name"] == "kept"


async def test_a_backfill_fills_what_stored_rows_lack(api: Any, pushed: dict[str, Any]) -> None:
    await api.create("tasks", "t1", title="x")
    owner = {"type": "string", "isOptional": False, "isIndexed": False}
    pushed["models"]["tasks"]["fields"]["owner"] = owner
    refused = await api("POST", "/api/schema", push_body(pushed))
    assert refused.json()["unexecutable"][0]["field"] == "owner"
    backfills = [{"model": "tasks", "field": "owner", "value": "nobody"}]
    answer = await api("POST", "/api/schema", push_body(pushed, backfills=backfills))
    assert answer.status_code == 200, answer.text
    assert (await api("GET", "/api/v1/models/tasks/t1")).json()["data"]["owner"] == "nobody"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_body"),
        ({"schema": []}, "invalid_body"),
        ({"schema": {"models": {"x": {"fields": {"a": {"type": "nope"}}}}}}, "invalid_schema"),
        ({"schema": {"v": 99}}, "invalid_schema"),
        ({"schema": {"models": {"a" * 300: {"fields": {"x": 1}}}}}, "invalid_schema"),
    ],
)
async def test_what_is_no_schema(api: Any, body: dict[str, Any], code: str) -> None:
    answer = await api("POST", "/api/schema", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_who_may_push(as_: Any, api: Any, pushed: dict[str, Any]) -> None:
    body = push_body(pushed)
    scoped = await as_("system:ci", scopes=["schema:push"])
    assert (await scoped("POST", "/api/schema", body)).json()["unchanged"] is True
    narrow: list[dict[str, Any]] = [
        {"scopes": ["ephemeral:mint-any-org"]},
        {"operations": ["tasks.read"]},
        {"syncGroups": ["projects:p1"]},
    ]
    for asked in narrow:
        other = await as_("system:x", **asked)
        for path in ("/api/schema", "/api/schema/dry-run"):
            answer = await other("POST", path, body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_without_an_administrative_url_a_push_says_what_to_do(
    world: Any, api: Any, pushed: dict[str, Any]
) -> None:
    relay = await world.start(admin_url=None)
    caller = await world.with_key(api.key, relay)
    assert (await caller("POST", "/api/schema", push_body(pushed))).json()["unchanged"] is True
    pushed["models"]["tasks"]["load"] = "lazy"
    for path in ("/api/schema", "/api/schema/dry-run"):
        answer = await caller("POST", path, push_body(pushed))
        assert (answer.status_code, answer.json()["code"]) == (403, "schema_provisioning_forbidden")
    assert "ablo-pg migrate" in answer.json()["remedy"]


async def test_a_field_with_a_default_of_the_sdk_may_be_left_out(kernel_world: Any) -> None:
    """It is pushed as required and without its default; the client leaves it out."""
    api = await kernel_world.api()
    assert (await api("POST", "/api/schema", push_body(TASKS))).status_code == 200
    await api.create("tasks", "t1", title="no status")
    await api.create("tasks", "t2")
    row = (await api("GET", "/api/v1/models/tasks/t1")).json()["data"]
    assert (row["title"], row.get("status")) == ("no status", None)
    wrong = {"id": "t3", "data": {"status": "nope"}}
    assert (await api("POST", "/api/v1/models/tasks", wrong)).status_code == 400
    more = copy.deepcopy(TASKS)
    more["models"]["tasks"]["fields"]["note"] = {"type": "string", "isOptional": False}
    body = (await api("POST", "/api/schema", push_body(more))).json()
    assert (body["version"], body["unchanged"]) == (2, False)
    await api.create("tasks", "t4", title="still")
    model = (await api("GET", "/api/schema")).json()["models"][0]
    assert model["fields"]["title"]["isOptional"] is False, "it is read back as it was pushed"


async def test_a_push_may_ask_for_not_null(kernel_world: Any) -> None:
    api = await kernel_world.api()
    answer = await api("POST", "/api/schema", push_body(TASKS, notNull=True))
    assert answer.json()["hash"] == "5f48d2df"
    refused = await api("POST", "/api/v1/models/tasks", {"id": "t1", "data": {"title": "x"}})
    assert refused.json()["code"] == "not_null_violation"
    again = (await api("POST", "/api/schema", push_body(TASKS))).json()
    assert again["unchanged"] is True, "a push that says nothing of it keeps what there is"
    more = copy.deepcopy(TASKS)
    more["models"]["tasks"]["fields"]["note"] = {"type": "string", "isOptional": True}
    freed = (await api("POST", "/api/schema", push_body(more, notNull=False))).json()
    assert freed["version"] == 2
    await api.create("tasks", "t1", title="x")


async def test_rules_are_pushed_and_hold(api: Any, pushed: dict[str, Any]) -> None:
    await api.create("lineItems", "i1", label="a", amount=7)
    model = pushed["models"]["lineItems"]
    model["fields"]["amount"]["maximum"] = 5
    model["fields"]["label"] |= {"maxLength": 3, "unique": True}
    test = {"compare": "<>", "left": {"field": "label"}, "right": {"field": "dueDate"}}
    model["checks"] = [{"name": "differ", "test": test, "text": "label <> due_date"}]
    model["indexes"] = [{"name": "open", "fields": ["amount"], "where": ["isOpen", "=", True]}]
    for path in ("/api/schema/dry-run", "/api/schema"):
        refused = await api("POST", path, push_body(pushed))
        assert (refused.status_code, refused.json()["code"]) == (409, "incompatible_change")
        (one,) = refused.json()["unexecutable"]
        assert (one["kind"], one["field"]) == ("rules_tightened", "amount")
        assert one["detail"] == "1 stored rows violate it"
    backfills = [{"model": "lineItems", "field": "amount", "value": 5}]
    answer = await api("POST", "/api/schema", push_body(pushed, backfills=backfills))
    assert answer.status_code == 200, answer.text
    assert (await api("GET", "/api/v1/models/lineItems/i1")).json()["data"]["amount"] == 5
    for data, code, param in (
        ({"label": "b", "amount": 6}, "check_violation", "amount"),
        ({"label": "long"}, "check_violation", "label"),
        ({"label": "a"}, "unique_violation", "label"),
        ({"label": "b", "dueDate": "b"}, "check_violation", None),
    ):
        problem = (await api("POST", "/api/v1/models/lineItems", {"data": data})).json()
        assert (problem["code"], problem.get("param")) == (code, param), problem
    described = (await api("GET", "/openapi.json")).json()["components"]["schemas"]
    create = described["lineItems.New"]["properties"]
    assert (create["amount"]["maximum"], create["label"]["maxLength"]) == (5, 3)
    model["fields"]["amount"].pop("maximum")
    del model["checks"]
    assert (await api("POST", "/api/schema", push_body(pushed))).status_code == 200
    await api.create("lineItems", "i2", label="b", amount=9, dueDate="b")


@pytest.mark.parametrize(
    "test",
    [["amount", "=", 1], {"compare": "<", "left": {"field": "dueDate"}, "right": {"now": True}}],
    ids=["an unknown field", "the time"],
)
async def test_a_check_that_cannot_hold_is_refused(
    api: Any, pushed: dict[str, Any], test: Any
) -> None:
    pushed["models"]["tasks"]["checks"] = [{"name": "bad", "test": test}]
    for path in ("/api/schema/dry-run", "/api/schema"):
        answer = await api("POST", path, push_body(pushed))
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (400, "schema_definition_invalid"), problem
        assert "tasks.bad" in answer.text
    assert (await api("GET", "/api/schema")).json()["version"] == 1
