"""One endpoint as ASGI and WSGI application, and in FastAPI, Starlette, Flask and Django."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import fastapi
import flask
import httpx
import pytest
from django.db import connections
from django.test import Client, override_settings
from django.urls import path
from starlette.applications import Starlette
from starlette.routing import Mount

from ablo_pg.source import Begin, Endpoint, SqlAdapter, django_transactions, signed_headers
from ablo_pg.source.endpoint import MAX_BODY

from .conftest import KEY, SCHEMA, django_of

asgi = pytest.mark.anyio
BODY = b'{"type":"events"}'
LARGE = json.dumps(  # more than Django takes by default
    {"type": "commit", "correlationId": "k", "operations": [
        {"type": "CREATE", "model": "task", "id": f"t{n}", "input": {"title": "x" * 100_000}}
        for n in range(1, 31)]}
).encode()  # fmt: skip
TOO_LARGE = b" " * (MAX_BODY + 1)
Served = tuple[int, Any]


@pytest.fixture
def own(pool: Begin) -> Endpoint:
    return Endpoint(SqlAdapter(SCHEMA, pool), api_key=KEY)


async def post(app: Any, url: str, body: bytes, method: str = "POST", **headers: str) -> Served:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://owner") as client:
        signed = signed_headers(KEY, body) | headers
        found = await client.request(method, url, content=body, headers=signed)
    return found.status_code, json.loads(found.content) if found.content else None


async def all_is_served(app: Any, url: str) -> None:
    assert await post(app, url, BODY) == (200, {"events": []})
    assert (await post(app, url, BODY, **{"webhook-id": "x"}))[0] == 401
    assert (await post(app, url, BODY, method="GET"))[0] == 405
    status, answer = await post(app, url, TOO_LARGE)
    assert (status, answer["error"]) == (413, "request_too_large")
    status, answer = await post(app, url, LARGE)
    assert (status, answer["rows"][0]["id"]) == (200, "t1")


@asgi
async def test_it_is_an_asgi_application(own: Endpoint) -> None:
    await all_is_served(own.asgi, "/")


@asgi
async def test_it_can_be_mounted(own: Endpoint) -> None:
    await all_is_served(Starlette(routes=[Mount("/ablo", own.asgi)]), "/ablo/")


@asgi
async def test_it_is_a_route_of_starlette(own: Endpoint) -> None:
    await all_is_served(Starlette(routes=[own.starlette("/ablo")]), "/ablo")


@asgi
async def test_it_is_a_route_of_fastapi(own: Endpoint) -> None:
    app = fastapi.FastAPI()
    app.router.routes.append(own.starlette("/ablo"))
    await all_is_served(app, "/ablo")


@asgi
async def test_it_ends_with_its_server(own: Endpoint) -> None:
    """Alone it is asked to start and to stop."""
    asked = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    told: list[Any] = []

    async def receive() -> Any:
        return next(asked)

    async def send(message: Any) -> None:
        told.append(message["type"])

    await own.asgi({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@asgi
async def test_a_client_that_leaves_in_the_middle_changes_nothing(own: Endpoint) -> None:
    parts = iter([
        {"type": "http.request", "body": LARGE[:100], "more_body": True},
        {"type": "http.disconnect"},
    ])  # fmt: skip

    async def receive() -> Any:
        return next(parts)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await own.asgi({"type": "http", "method": "POST", "headers": []}, receive, send)


def environ(body: bytes, **more: Any) -> dict[str, Any]:
    signed = {
        f"HTTP_{name.upper().replace('-', '_')}": value
        for name, value in signed_headers(KEY, body).items()
    }
    return {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body), **signed, **more}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"CONTENT_LENGTH": str(len(BODY))}, "200 OK"),
        ({"wsgi.input_terminated": True}, "200 OK"),  # in chunks, without a length
        ({}, "401 Unauthorized"),  # nothing may be read of it
        ({"CONTENT_LENGTH": "-1"}, "401 Unauthorized"),
        ({"CONTENT_LENGTH": "x"}, "401 Unauthorized"),
        ({"CONTENT_LENGTH": str(1 << 40), "wsgi.input": io.BytesIO(TOO_LARGE)},
         "413 Content Too Large"),
    ],
)  # fmt: skip
def test_it_is_a_wsgi_application(own: Endpoint, given: dict[str, Any], status: str) -> None:
    told: list[str] = []
    answer = own.wsgi(environ(BODY, **given), lambda status, headers: told.append(status))
    assert told == [status]
    assert isinstance(json.loads(b"".join(answer)), dict)


def test_it_is_a_view_of_flask(own: Endpoint) -> None:
    app = flask.Flask("owner")

    @app.before_request
    def logged() -> None:  # another part of the application reads the body first
        flask.request.get_data()

    app.add_url_rule("/ablo", view_func=own.flask(), methods=["POST"])
    client = app.test_client()

    def sent(body: bytes) -> Any:
        return client.post("/ablo", data=body, headers=signed_headers(KEY, body))

    assert (sent(BODY).status_code, sent(BODY).json) == (200, {"events": []})
    assert sent(LARGE).status_code == 200
    assert (sent(TOO_LARGE).status_code, sent(TOO_LARGE).json["error"]) == (
        413, "request_too_large"
    )  # fmt: skip
    assert client.get("/ablo").status_code == 405
    assert client.post("/ablo", data=BODY).status_code == 401


@pytest.fixture
def django_begin(url: str) -> Iterator[Begin]:
    yield from django_of(url)


@pytest.mark.parametrize("atomic", [False, True])
def test_it_is_a_view_of_django(django_begin: Begin, atomic: bool) -> None:
    """Also where a project wraps each request into a transaction: a commit needs its own."""
    connections.databases["owner"]["ATOMIC_REQUESTS"] = atomic
    view = Endpoint(SqlAdapter(SCHEMA, django_transactions("owner")), api_key=KEY).django()
    client = Client(enforce_csrf_checks=True)

    def sent(body: bytes, **headers: str) -> Served:
        found = client.post(
            "/ablo", data=body, content_type="application/json",
            headers=signed_headers(KEY, body) | headers,
        )  # fmt: skip
        return found.status_code, json.loads(found.content)

    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path("ablo", view)]
    with override_settings(ROOT_URLCONF=urls):
        assert sent(BODY) == (200, {"events": []})
        assert sent(LARGE)[0] == 200
        assert sent(BODY)[1]["events"][0]["entityId"] == "t1"
        status, answer = sent(TOO_LARGE)
        assert (status, answer["error"]) == (413, "request_too_large")
        assert sent(BODY, **{"webhook-id": "x"})[0] == 401
        assert client.get("/ablo").status_code == 405
