"""The HTTP door: `create_app(service)` is the whole of it, as an ASGI application."""

from ablo_pg.relay.http.app import create_app

__all__ = ["create_app"]
