"""The only place of the library that reads environment variables, where a URL is not given.

DATABASE_URL: the runtime login. ABLO_REPLICATION_URL: the login that may read the stream.
ABLO_API_URL and ABLO_API_KEY: a relay, and a key for it.
"""

from __future__ import annotations

import os

from ablo_pg.errors import error_for


def base_url_of(given: str | None, api_key: str | None, database_url: str | None) -> str | None:
    """Return the URL of the relay to use, or None for a database.

    What was passed decides: base_url means a relay, database_url a database, api_key alone a relay.
    Where nothing was, DATABASE_URL goes before ABLO_API_URL. Raises invalid_options.
    """
    if given or database_url is not None:
        return given
    named = os.environ.get("ABLO_API_URL") or None
    if api_key is None:
        return None if os.environ.get("DATABASE_URL") else named
    if named is None:
        raise error_for(
            "invalid_options",
            "An API key was given, and no URL of a relay",
            field="base_url",
            remedy="pass base_url=, or set ABLO_API_URL",
        )
    return named


def api_key_of(given: str | None) -> str:
    """Return the key given, or ABLO_API_KEY. Raises api_key_required when there is neither."""
    key = given or os.environ.get("ABLO_API_KEY")
    if not key:
        raise error_for(
            "api_key_required",
            "No API key was given",
            field="api_key",
            remedy="pass api_key=, or set ABLO_API_KEY (`ablo-pg keys create` makes one)",
        )
    return key


def database_url_of(given: str | None) -> str:
    """Return the URL given, or DATABASE_URL. Raises invalid_options when there is neither."""
    url = given or os.environ.get("DATABASE_URL")
    if not url:
        raise error_for(
            "invalid_options",
            "No database URL was given, and no relay's",
            field="database_url",
            remedy="pass database_url=, or set DATABASE_URL (`ablo-pg connect` prints one); "
            "or pass base_url= and api_key= of a relay",
        )
    return url


def replication_url_of(given: str | None) -> str | None:
    """Return the URL given, or ABLO_REPLICATION_URL, or None (changes come by LISTEN/NOTIFY)."""
    return given or os.environ.get("ABLO_REPLICATION_URL") or None
