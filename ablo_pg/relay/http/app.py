"""The application: layers, routes, and the answer for unknown routes."""

from __future__ import annotations

from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from ablo_pg.errors import AbloError, error_for
from ablo_pg.relay.http import (
    bootstrap_routes,
    claim_routes,
    commit_routes,
    console_routes,
    docs_routes,
    health_routes,
    identity_routes,
    kernel_routes,
    key_routes,
    live_routes,
    log_routes,
    model_routes,
    project_routes,
    schema_routes,
    stream_routes,
    sync_routes,
)
from ablo_pg.relay.http.answers import problem_answer
from ablo_pg.relay.http.limits import RateLimit
from ablo_pg.relay.http.middleware import EXPOSED, RequestMiddleware, show_error
from ablo_pg.relay.service import RelayService
from ablo_pg.relay.ws import endpoint
from ablo_pg.relay.ws.reading import make_frames

METHODS: Final = ("GET", "HEAD", "POST", "PATCH", "DELETE")
HEADERS: Final = (
    *("authorization", "content-type", "ablo-protocol-version", "idempotency-key"),
    *("x-request-id", "last-event-id", "cache-control", "pragma"),
)
PREFLIGHT_SECONDS: Final = 600


def create_app(service: RelayService) -> Starlette:
    """Return the ASGI application of a service; the caller manages the service's lifetime."""
    settings = service.settings
    app = Starlette(
        routes=routes(),
        middleware=[
            Middleware(RequestMiddleware, service=service),
            Middleware(
                CORSMiddleware,
                allow_origins=settings.allowed_origins,
                allow_methods=METHODS,
                allow_headers=HEADERS,
                expose_headers=EXPOSED,
                max_age=PREFLIGHT_SECONDS,
            ),
        ],
        exception_handlers={AbloError: show_error, HTTPException: _show_http_error},
    )
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.rate_limit = RateLimit(
        settings.requests_per_second, settings.request_burst, service.clock
    )
    app.state.frames = make_frames(service, app.state.rate_limit)
    return app


def routes() -> list[BaseRoute]:
    """Return every route."""
    return [
        *live_routes.ROUTES,
        *model_routes.ROUTES,
        *claim_routes.ROUTES,
        *commit_routes.ROUTES,
        *log_routes.ROUTES,
        *identity_routes.ROUTES,
        *key_routes.ROUTES,
        *schema_routes.ROUTES,
        *project_routes.ROUTES,
        *docs_routes.ROUTES,
        *console_routes.ROUTES,
        *health_routes.ROUTES,
        *bootstrap_routes.ROUTES,
        *sync_routes.ROUTES,
        *stream_routes.ROUTES,
        *kernel_routes.ROUTES,
        *endpoint.ROUTES,
    ]


async def _show_http_error(request: Request, error: Exception) -> Response:
    """Answer the router's error: no such route, or not with this method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        known = headers["Allow"] = ", ".join(sorted(_methods_of(request)))
        problem = error_for(
            "method_not_allowed",
            f"This path does not support {request.method}",
            remedy=f"use one of: {known}",
        )
    else:
        problem = error_for(
            "route_not_found",
            "No such route",
            remedy="/openapi.json lists every path; those of the API begin with /api",
        )
    request.state.code = problem.code
    answer = problem_answer(problem, request.state.request_id)
    answer.headers.update(headers)
    return answer


def _methods_of(request: Request) -> set[str]:
    """Return the methods that a path supports, over all of its routes."""
    found: set[str] = set()
    for each in request.app.router.routes:
        if isinstance(each, Route) and each.matches(request.scope)[0] is not Match.NONE:
            found |= each.methods or set()
    return found
