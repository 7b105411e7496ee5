"""How the console's files are served: only when asked for, strictly, and from the package."""

from __future__ import annotations

import re

import httpx
import pytest

from ablo_pg.relay.http.console_routes import FOLDER, assets
from ablo_pg.testing import DatabaseHandle

from .conftest import Site, relay_process


@pytest.fixture
def web(site: Site) -> httpx.Client:
    site.clients.append(httpx.Client(base_url=site.url, timeout=60, verify=False))
    return site.clients[-1]


def test_every_file_is_served_as_what_it_is(web: httpx.Client) -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(assets())
    for name, asset in assets().items():
        answer = web.get(f"/console/{name}")
        assert answer.status_code == 200
        assert answer.content == asset.body
        assert answer.headers["content-type"] == asset.kind
    assert web.get("/console/").content == assets()["index.html"].body


def test_the_policy_lets_nothing_in_and_nothing_out(web: httpx.Client) -> None:
    for path in ("/console/", "/console/main.js", "/console/console.css"):
        headers = web.get(path).headers
        policy = dict(
            part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
        )
        assert policy.pop("require-trusted-types-for") == "'script'"
        assert (
            policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == "'none'"
        )
        assert set(policy.values()) == {"'self'", "'none'"}
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"


def test_the_page_has_nothing_inline_and_asks_nobody_else() -> None:
    page = assets()["index.html"].body.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\son[a-z]+=|\sstyle=|https?:|//", page[15:])
    for name, asset in assets().items():
        text = asset.body.decode()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)
        assert name.endswith(".svg") or "http://" not in text
        assert "https://" not in text
        assert "@import" not in text


def test_it_is_kept_and_asked_about(web: httpx.Client) -> None:
    first = web.get("/console/main.js")
    assert first.headers["cache-control"] == "no-cache"
    again = web.get("/console/main.js", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "content-security-policy" in again.headers


def test_the_way_in_is_relative(web: httpx.Client) -> None:
    for path in ("/", "/console"):
        answer = web.get(path)
        assert answer.status_code == 307
        assert answer.headers["location"] == "console/"


def test_no_path_leads_to_another_file(web: httpx.Client) -> None:
    for name in (
        *("..%2fsettings.py", "%2e%2e%2fsettings.py", "..%5csettings.py", "%00", "main.js%00"),
        *("__init__.py", "index", "INDEX.HTML", "main.js.map", "%2fetc%2fpasswd", "x" * 3000),
    ):
        answer = web.get(f"/console/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
    assert web.post("/console/").json()["code"] == "method_not_allowed"


def test_there_is_no_data_without_a_key(web: httpx.Client) -> None:
    for path in ("schema", "v1/logs", "v1/claims", "v1/models/tasks", "auth/identity"):
        assert web.get(f"/api/{path}").status_code == 401
    assert web.post("/api/sync/query", json={"queries": []}).status_code == 401
    offered = "ablo.sync.v1, ablo.bearer.sk_" + "A" * 30 + "390g5D"
    socket = {"upgrade": "websocket", "connection": "upgrade", "sec-websocket-version": "13"}
    socket |= {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-protocol": offered}
    assert web.get("/api/sync/ws", headers=socket).status_code == 401


def test_it_is_not_there_unless_asked_for(db: DatabaseHandle) -> None:
    with relay_process(db) as url:
        for path in ("/", "/console", "/console/", "/console/main.js"):
            answer = httpx.get(url + path)
            assert (answer.status_code, answer.json()["code"]) == (404, "route_not_found")
