"""The API described, of the active schema: for programs (/openapi.json) and for people (/docs).

The page is Swagger UI from the package `swagger_ui_bundle`. It reads /openapi.json, and calls the
API with the key typed into its Authorize dialog, which it keeps in memory only.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from swagger_ui_bundle import swagger_ui_path

from ablo_pg.errors import error_for
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import open_route
from ablo_pg.relay.http.page import Asset, asset_answer
from ablo_pg.relay.service import RelayService

# Swagger UI's style sheet contains its icons, as data: URLs.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# Every address is relative, so that a proxy may add a prefix.
PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ablo_pg API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="stylesheet" href="docs/narrow.css">
<link rel="icon" href="docs/favicon-32x32.png">
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
"""
START: Final = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  validatorUrl: null,
});
"""
# On a phone, Swagger UI's margins and its empty Links column take half of the width.
NARROW: Final = """.swagger-ui .response-col_links { display: none; }
@media (max-width: 640px) {
  .swagger-ui .wrapper, .swagger-ui .scheme-container .schemes { padding: 0 10px; }
  .swagger-ui .scheme-container { padding: 10px 0; }
  .swagger-ui .info { margin: 20px 0; }
  .swagger-ui .response-col_status, .swagger-ui .parameters-col_name { width: 25%; min-width: 0; }
}
"""
FILES: Final = {
    "swagger-ui.css": "text/css; charset=utf-8",
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "favicon-32x32.png": "image/png",
}


@cache
def assets() -> dict[str, Asset]:
    """Return the page's files by name."""
    theirs = {
        name: Asset.of((swagger_ui_path / name).read_bytes(), kind) for name, kind in FILES.items()
    }
    return theirs | {
        "": Asset.of(PAGE.encode(), "text/html; charset=utf-8"),
        "narrow.css": Asset.of(NARROW.encode(), FILES["swagger-ui.css"]),
        "start.js": Asset.of(START.encode(), FILES["swagger-ui-bundle.js"]),
    }


async def openapi(request: Request, service: RelayService) -> Response:
    """GET /openapi.json."""
    _allowed(service)
    return json_answer(service.schemas.current().openapi)


async def docs(request: Request, service: RelayService) -> Response:
    """GET /docs, or one of its files."""
    _allowed(service)
    asset = assets().get(request.path_params.get("name", ""))
    if asset is None:
        raise error_for("route_not_found", "/docs has no such file", remedy="open /docs instead")
    return asset_answer(request, asset, POLICY)


def _allowed(service: RelayService) -> None:
    if not service.settings.docs:
        raise error_for(
            "route_not_found",
            "The API description is not served here",
            remedy="start the relay without --no-docs",
        )


ROUTES: Final[list[BaseRoute]] = [
    open_route("/openapi.json", openapi),
    open_route("/docs", docs),
    open_route("/docs/{name}", docs),
]
