"""What the command lines of clients ask besides rows: projects, branches, sources, health."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from ablo_pg.schema import dump_schema_json

from .world import SCHEMA

pytestmark = pytest.mark.anyio

BRANCH = {
    *("object", "id", "project_id", "parent_branch_id", "slug", "name", "kind", "state", "origin"),
    *("root", "expires_at", "created_at", "deleted_at"),
}


async def test_the_one_project_is_the_organization(api: Any) -> None:
    body = (await api("GET", "/api/v1/projects")).json()
    assert body.keys() == {"object", "data"}  # without keys of pages
    (project,) = body["data"]
    assert project.keys() == {"object", "id", "slug", "name", "default", "created_at"}
    identity = (await api("GET", "/api/auth/identity")).json()
    assert (project["id"], project["default"]) == (identity["projectId"], True)
    assert project["id"] == identity["accountScope"]


async def test_the_one_branch_is_the_root(api: Any) -> None:
    body = (await api("GET", "/api/v1/branches")).json()
    assert body.keys() == {"object", "data"}
    (branch,) = body["data"]
    assert branch.keys() == BRANCH
    assert (branch["id"], branch["root"], branch["state"]) == ("br_main", True, "ready")
    for name in ("br_main", "main"):
        assert (await api("GET", f"/api/v1/branches/{name}")).json() == branch
    status = (await api("GET", "/api/v1/branches/br_main/status")).json()
    assert status.keys() == {
        *("object", "branch", "ready", "schema", "storage", "data_source", "blockers")
    }
    assert [status["schema"][name] for name in ("changes", "warnings", "blockers")] == [0, 0, 0]
    stands = "blocked" if status["blockers"] else "ready"
    assert status["storage"] == {"kind": "customer", "transport": "direct", "status": stands}
    answer = await api("GET", "/api/v1/branches/br_other")
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")


async def test_a_branch_that_is_there_is_taken_and_no_other_is_made(api: Any) -> None:
    """Contract, command lines: 409 of a branch makes them list again, and find the root."""
    answer = await api("POST", "/api/v1/branches", {"slug": "main", "kind": "dev"})
    assert (answer.status_code, answer.json()["code"]) == (409, "unique_violation")
    assert [b["slug"] for b in (await api("GET", "/api/v1/branches")).json()["data"]] == ["main"]
    answer = await api("POST", "/api/v1/branches", {"slug": "feat-x", "kind": "dev"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "one branch" in answer.json()["message"]
    for method, path in (("POST", "/api/v1/projects"), ("PATCH", "/api/v1/projects/acme")):
        answer = await api(method, path, {"slug": "x", "name": "X"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


async def test_a_branch_s_credential_reads_writes_and_pushes(
    api: Any, world: Any, as_: Any
) -> None:
    """Contract, command lines: `{object, branch_id, api_key, expires_at}`, for some hours."""
    path = "/api/v1/branches/br_main/credentials"
    answer = await api("POST", path, {"ttl_hours": 8})
    assert answer.status_code == 201
    made = answer.json()
    assert made.keys() == {"object", "branch_id", "api_key", "expires_at"}
    assert (made["object"], made["branch_id"]) == ("branch_credential", "br_main")
    left = dt.datetime.fromisoformat(made["expires_at"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(hours=7) < left < dt.timedelta(hours=9)
    dev = await world.with_key(made["api_key"])
    await dev.create("tasks", "t1", title="x")
    schema = dump_schema_json(SCHEMA.spec)
    assert (await dev("POST", "/api/schema", {"schema": schema})).json()["unchanged"] is True
    narrow = await as_("system:n", operations=["tasks.read"])
    refused = await narrow("POST", path, {})
    assert (refused.status_code, refused.json()["code"]) == (403, "capability_scope_denied")
    assert (await api("POST", path, {"ttl_hours": 0})).status_code == 400
    assert (await api("POST", "/api/v1/branches/br_x/credentials", {})).status_code == 404


async def test_sources_are_validated_located_and_not_removed(api: Any, ready: None) -> None:
    (source,) = (await api("GET", "/api/v1/datasources")).json()["data"]
    assert None not in source.values()
    assert source["host"]
    body = (await api("POST", "/api/v1/datasources/validate", {})).json()
    assert (body["reachable"], body["ready"], body["failures"]) == (True, True, [])
    body = (await api("POST", "/api/v1/datasources/locate", {})).json()
    assert body == {"available": True, "held": None}
    body = (await api("POST", "/api/v1/datasources/resnapshot", {})).json()
    assert (body["object"], body["initial_snapshot"]) == ("datasource", {"status": "complete"})
    answer = await api("DELETE", "/api/v1/datasources")
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")


async def test_health_asks_for_no_key(api: Any, ready: None) -> None:
    for path, status in (("/api/health", "healthy"), ("/live", "alive"), ("/ready", "ready")):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
