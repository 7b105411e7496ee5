"""The description of the active schema's API, for programs (/openapi.json) and people (/docs)."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from ablo_pg.errors import CODES, error_for
from ablo_pg.relay.http.answers import json_answer
from ablo_pg.relay.http.call import open_route
from ablo_pg.relay.service import RelayService

# The page loads nothing and runs nothing.
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{background:#f3f3f3;padding:.1em .3em}table{border-collapse:collapse}"
    "td,th{border-bottom:1px solid #ddd;padding:.3em .8em .3em 0;text-align:left}"
)


async def openapi(request: Request, service: RelayService) -> Response:
    """GET /openapi.json."""
    _allowed(service)
    return json_answer(service.schemas.current().openapi)


async def docs(request: Request, service: RelayService) -> Response:
    """GET /docs: every path, and the fields of each model."""
    _allowed(service)
    page = await anyio.to_thread.run_sync(docs_page, service.schemas.current().openapi)
    return HTMLResponse(page, headers={"content-security-policy": POLICY})


def docs_page(document: dict[str, Any]) -> str:
    """Return the page of a description."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Ablo API</title>"
        f"<style>{STYLE}</style><h1>Ablo API</h1><p>{escape(document['info']['description'])}</p>"
        "<p>As data: <a href=openapi.json>openapi.json</a></p><h2>Paths</h2><table>"
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict):
                parts.append(
                    f"<tr><td><code>{method.upper()}</code><td><code>{escape(path)}</code>"
                    f"<td>{escape(operation['summary'])}"
                )
    parts.append("</table>")
    for name, component in document["components"]["schemas"].items():
        parts.append(_component(name, component))
    codes = "".join(
        f"<tr><td><code>{code.code}</code><td>{code.http_status}"
        f"<td>{'yes' if code.retryable else 'no'}"
        for code in CODES.values()
    )
    parts.append(
        f"<h2>Error codes</h2><table><tr><th>code<th>status<th>retry can help{codes}</table>"
    )
    return "".join(parts)


def _component(name: str, component: dict[str, Any]) -> str:
    required = component.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{escape(_type(schema))}"
        f"<td>{'required' if field in required else ''}"
        for field, schema in component.get("properties", {}).items()
    )
    return f"<h2>{escape(name)}</h2><table>{rows}</table>"


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join("null" if one is None else str(one) for one in schema["enum"])
    kind = schema.get("format") or schema.get("type") or schema.get("$ref", "any")
    return " | ".join(kind) if isinstance(kind, list) else str(kind).rpartition("/")[2]


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
]
