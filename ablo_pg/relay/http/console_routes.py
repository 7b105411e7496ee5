"""The console: one page and its files. It contains no data and needs no key.

The page reads its data with the key that the user enters, over the same routes as any client. The
files are those of `ablo_pg/relay/console`, read once; no path leads to other files.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from ablo_pg.errors import error_for
from ablo_pg.relay.http.call import open_route
from ablo_pg.relay.http.page import Asset, asset_answer
from ablo_pg.relay.service import RelayService

FOLDER: Final = Path(__file__).parent.parent / "console"
PAGE: Final = "index.html"
KINDS: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Rows cannot become markup either.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)


@cache
def assets() -> dict[str, Asset]:
    """Return the console's files by name."""
    return {
        path.name: Asset.of(path.read_bytes(), KINDS[path.suffix])
        for path in sorted(FOLDER.iterdir())
        if path.suffix in KINDS
    }


async def enter(request: Request, service: RelayService) -> Response:
    """GET / and /console: redirect, to a relative path, so that a proxy may add a prefix."""
    _allowed(service)
    return RedirectResponse("console/", headers={"cache-control": "no-store"})


async def show(request: Request, service: RelayService) -> Response:
    """GET the page, or one of its files; 304 if the client has it."""
    _allowed(service)
    asset = assets().get(request.path_params.get("name", PAGE))
    if asset is None:
        raise error_for(
            "route_not_found", "The console has no such file", remedy="open /console/ instead"
        )
    return asset_answer(request, asset, POLICY)


def _allowed(service: RelayService) -> None:
    if not service.settings.console:
        raise error_for(
            "route_not_found",
            "The console is not served here",
            remedy="start the relay with --console",
        )


ROUTES: Final[list[BaseRoute]] = [
    open_route("/", enter),
    open_route("/console", enter),
    open_route("/console/", show),
    open_route("/console/{name}", show),
]
