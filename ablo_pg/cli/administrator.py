"""The administrative connection of a command; its errors name the login."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from ablo_pg.db.admin import admin_connection
from ablo_pg.db.errors import translate_admin


@contextmanager
def administrator(admin_url: str) -> Iterator[psycopg.Connection]:
    """Connect, and translate database errors. Raises as `admin_connection`."""
    with admin_connection(admin_url) as conn:
        try:
            yield conn
        except psycopg.Error as exc:
            raise translate_admin(exc, conn) from exc
