"""The URL of a relay, as a person passes it: with or without a trailing `/api` and slashes."""

from __future__ import annotations

from urllib.parse import urlsplit

from ablo_pg.errors import error_for


def relay_origin(url: str, name: str) -> tuple[str, str]:
    """Return its origin (`https://host:port`) and the path before `/api`; `name`, for the error.

    Raises invalid_options. The message shows only the URL's scheme: it may be a database's, passed
    by mistake, or contain a login.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        readable = bool(host) and (parts.port is None or parts.port > 0)
    except ValueError:
        readable = False
    if url != url.strip(" "):
        raise _refused(name, "begins or ends with a space", "remove it")
    scheme = url.partition("://")[0]
    if scheme in ("postgres", "postgresql"):
        raise _refused(name, "is the URL of a database", "pass it as database_url=")
    if not readable or parts.scheme not in ("http", "https") or not url.isprintable():
        raise _refused(
            name, "is not the URL of a relay", "pass for example https://ablo.example.com"
        )
    if "@" in parts.netloc:
        raise _refused(
            name, "contains a login", "remove it; the key identifies the caller: api_key="
        )
    if parts.query or parts.fragment:
        raise _refused(name, "has a query or a fragment", "end it after the host or the path")
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/").removesuffix("/api")


def _refused(name: str, why: str, remedy: str) -> Exception:
    return error_for("invalid_options", f"{name} {why}", field=name, remedy=remedy)
