"""The HTTP interface: `create_app(service)` returns all of it as an ASGI application."""

from ablo_pg.relay.http.app import create_app

__all__ = ["create_app"]
