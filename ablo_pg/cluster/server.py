"""A Postgres server to create databases in: an existing one, or our own `Cluster`."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from psycopg.conninfo import conninfo_to_dict

from ablo_pg.db.admin import database_create, database_drop
from ablo_pg.db.session import connect
from ablo_pg.db.urls import make_url


class Server:
    """A running server, reached with an administrative URL.

    Args: admin_url, of a login that may create databases. Other libpq parameters in it (sslmode,
    host lists, options) are kept in the URLs that are made from it.
    """

    def __init__(self, admin_url: str) -> None:
        self._parameters: Mapping[str, object] = conninfo_to_dict(admin_url)

    @property
    def admin_url(self) -> str:
        """The administrative URL, at its own database."""
        return make_url(self._parameters)

    def url(self, database: str, *, user: str | None = None, password: str | None = None) -> str:
        """Return a URL of another database, and of another login when `user` is given."""
        changed: dict[str, object] = dict(self._parameters) | {"dbname": database}
        if user is not None:
            changed |= {"user": user, "password": password}
        return make_url(changed)

    def create_database(self, name: str | None = None, *, template: str | None = None) -> str:
        """Create a database (with a random name unless one is given) and return its name.

        A template must have no sessions; copying one takes about 30 ms.
        """
        name = name or f"ablo_{secrets.token_hex(6)}"
        with connect(self.admin_url) as conn:
            database_create(conn, name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database if it exists, ending its sessions."""
        with connect(self.admin_url) as conn:
            database_drop(conn, name)
