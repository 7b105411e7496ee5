"""The only place of the library that reads environment variables, where a URL is not given.

DATABASE_URL: the runtime login. ABLO_REPLICATION_URL: the login that may read the stream.
"""

from __future__ import annotations

import os

from ablo_pg.errors import error_for


def database_url_of(given: str | None) -> str:
    """Return the URL given, or DATABASE_URL. Raises invalid_options when there is neither."""
    url = given or os.environ.get("DATABASE_URL")
    if not url:
        raise error_for(
            "invalid_options",
            "No database URL was given",
            field="database_url",
            remedy="pass database_url=, or set DATABASE_URL (`ablo-pg connect` prints one)",
        )
    return url


def replication_url_of(given: str | None) -> str | None:
    """Return the URL given, or ABLO_REPLICATION_URL, or None (changes come by LISTEN/NOTIFY)."""
    return given or os.environ.get("ABLO_REPLICATION_URL") or None
