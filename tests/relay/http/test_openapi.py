"""The API described, for programs and for people, of the schema that is active."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.routing import Route
from swagger_ui_bundle import swagger_ui_path

from ablo_pg.relay.http.app import routes as app_routes
from ablo_pg.wire.openapi_paths import ALSO

pytestmark = pytest.mark.anyio

PAGES = ("/console", "/docs", "/openapi")  # for people


async def test_each_model_has_typed_paths(api: Any) -> None:
    answer = await api.client.get("/openapi.json")
    document = answer.json()
    assert document["openapi"] == "3.1.0"
    for model in ("tasks", "projects", "lineItems"):
        assert document["paths"][f"/api/v1/models/{model}"].keys() >= {"get", "post"}
        row = document["paths"][f"/api/v1/models/{model}/{{id}}"]
        assert row.keys() >= {"get", "patch", "delete"}
    schemas = document["components"]["schemas"]
    new = schemas["lineItems.New"]
    assert new["required"] == ["label"]
    assert new["properties"]["status"]["enum"] == ["todo", "doing", "done"]
    assert new["properties"]["projectId"]["type"] == ["string", "null"]
    assert new["additionalProperties"] is False
    assert "organizationId" not in new["properties"]
    assert "organizationId" in schemas["lineItems.Row"]["properties"]


async def test_every_path_that_is_there_is_described(api: Any, world: Any) -> None:
    """Each route of the application; models by name, and no path twice under another name."""
    document = (await api.client.get("/openapi.json")).json()
    described = {
        (method.upper(), path.replace("models/tasks", "models/{model}"))
        for path, operations in document["paths"].items()
        for method in operations
    }
    routes = [
        (method, ALSO.get(route.path, route.path))
        for route in app_routes()
        if isinstance(route, Route) and route.path != "/" and not route.path.startswith(PAGES)
        for method in (route.methods or set()) - {"HEAD"}
    ]
    assert len(routes) > 60
    assert set(routes) - described == set()


async def test_every_path_described_is_there(api: Any) -> None:
    document = (await api.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"get", "post", "patch", "delete"}:
            if "x-waits" in operations[method]:
                continue
            answer = await api(method.upper(), path.replace("{", "").replace("}", ""))
            assert '"route_not_found"' not in answer.text, (method, path)
            assert '"method_not_allowed"' not in answer.text, (method, path)


async def test_the_page_loads_its_own_files_only_and_has_nothing_inline(api: Any) -> None:
    answer = await api.client.get("/docs")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "//" not in answer.text
    assert re.findall(r"<script(?! src=)|<style| style=| on[a-z]+=", answer.text) == []
    files = re.findall(r'(?:src|href)="(.*?)"', answer.text)
    assert len(files) == 5
    for name in files:
        found = await api.client.get(f"/{name}")
        assert (found.status_code, found.headers["x-content-type-options"]) == (200, "nosniff")
        again = {"if-none-match": found.headers["etag"]}
        assert (await api.client.get(f"/{name}", headers=again)).status_code == 304
    bundle = await api.client.get("/docs/swagger-ui-bundle.js")
    assert bundle.content == (swagger_ui_path / "swagger-ui-bundle.js").read_bytes()
    for name in ("swagger-ui.css.map", "__init__.py", "..%2f__init__.py", ""):
        assert (await api.client.get(f"/docs/{name}")).status_code == 404


async def test_the_description_can_be_kept_back(world: Any) -> None:
    relay = await world.start(docs=False)
    api = await world.with_key(world.key(), relay)
    for path in ("/docs", "/docs/start.js", "/openapi.json"):
        answer = await api("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")


async def test_it_follows_the_schema(kernel_world: Any) -> None:
    api = await kernel_world.api()
    assert "/api/v1/models/notes" not in (await api.client.get("/openapi.json")).json()["paths"]
    schema = {"v": 3, "models": {"notes": {"fields": {"text": {"type": "string"}}}}}
    assert (await api("POST", "/api/schema", {"schema": schema})).status_code == 200
    assert "/api/v1/models/notes" in (await api.client.get("/openapi.json")).json()["paths"]
