"""Liveness, readiness and metrics: for supervisors, balancers and scrapers.

None of these needs a credential, and none reveals anything about an organization.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from ablo_pg._version import __version__
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import open_route
from ablo_pg.relay.metrics import CONTENT_TYPE
from ablo_pg.relay.service import RelayService


async def live(request: Request, service: RelayService) -> Response:
    """The event loop runs."""
    return json_answer({"status": "alive", "version": __version__})


async def ready(request: Request, service: RelayService) -> Response:
    """Whether a canary recently came through the whole path, and why not."""
    reasons = service.health.reasons()
    if service.schemas.failure is not None:
        reasons.append(f"the schema cannot be read: {service.schemas.failure.code}")
    return json_answer(ready_body(service, reasons), 503 if reasons else 200)


def ready_body(service: RelayService, reasons: list[str]) -> dict[str, object]:
    """Return the answer of /ready."""
    reader = service.reader.status
    age = service.health.age
    schema = service.schemas.current()
    return {
        "status": "not_ready" if reasons else "ready",
        "reasons": reasons,
        "canaryAgeSeconds": None if age is None else round(age, 3),
        "canaryLimitSeconds": service.health.limit,
        "reader": {
            "kind": reader.kind,
            "reason": reader.reason,
            "lagSeconds": reader.lag,
            "lagBytes": reader.lag_bytes,
        },
        "schema": {"version": schema.version, "hash": schema.hash} if schema.version else None,
    }


async def metrics(request: Request, service: RelayService) -> Response:
    """All metrics, in the Prometheus text format."""
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)


async def health(request: Request, service: RelayService) -> Response:
    """For command lines: whether requests can be served."""
    return json_answer({"status": "healthy" if service.health.ready else "degraded"})


ROUTES: Final[list[BaseRoute]] = [
    open_route("/live", live),
    open_route("/ready", ready),
    open_route("/metrics", metrics),
    open_route("/api/health", health),
]
