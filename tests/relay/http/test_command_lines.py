"""What the command lines of clients ask besides rows: projects, branches, sources, health."""

from __future__ import annotations

from typing import Any

import pytest

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
    answer = await api("GET", "/api/v1/branches/br_other")
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")
    answer = await api("POST", "/api/v1/branches", {"slug": "feat-x", "kind": "dev"})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_sources_are_validated_located_and_not_removed(api: Any, ready: None) -> None:
    body = (await api("POST", "/api/v1/datasources/validate", {})).json()
    assert (body["reachable"], body["ready"], body["failures"]) == (True, True, [])
    body = (await api("POST", "/api/v1/datasources/locate", {})).json()
    assert body == {"available": True, "held": None}
    answer = await api("DELETE", "/api/v1/datasources")
    assert (answer.status_code, answer.json()["code"]) == (404, "entity_not_found")


async def test_health_asks_for_no_key(api: Any, ready: None) -> None:
    for path, status in (("/api/health", "healthy"), ("/live", "alive"), ("/ready", "ready")):
        answer = await api.client.get(path)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
