"""The only module of the library that reads environment variables, for URLs that are not passed.

DATABASE_URL: the runtime login. ABLO_REPLICATION_URL: the login that may read the stream.
ABLO_API_URL and ABLO_API_KEY: a relay, and a key for it. HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and
NO_PROXY (or their lower-case forms): the proxy to it. SSL_CERT_FILE, SSL_CERT_DIR: what https
trusts.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from ablo_pg.errors import AbloError, error_for


def base_url_of(given: str | None, api_key: str | None, database_url: str | None) -> str | None:
    """Return the URL of the relay to use, or None for a database.

    Arguments decide: base_url means a relay, database_url a database, api_key alone a relay.
    Without arguments, DATABASE_URL takes precedence over ABLO_API_URL. Raises invalid_options.
    """
    if given or database_url is not None:
        return given
    named = os.environ.get("ABLO_API_URL") or None
    if api_key is None:
        return None if os.environ.get("DATABASE_URL") else named
    if named is None:
        raise error_for(
            "invalid_options",
            "An API key was given without a relay's URL",
            field="base_url",
            remedy="pass base_url=, or set ABLO_API_URL",
        )
    return named


def api_key_of(given: str | None) -> str:
    """Return the given key, or ABLO_API_KEY. Raises api_key_required if there is neither."""
    key = given or os.environ.get("ABLO_API_KEY")
    if not key:
        raise error_for(
            "api_key_required",
            "No API key was given",
            field="api_key",
            remedy="pass api_key=, or set ABLO_API_KEY (`ablo-pg keys create` creates one)",
        )
    return key


def database_url_of(given: str | None) -> str:
    """Return the given URL, or DATABASE_URL. Raises invalid_options if there is neither."""
    url = given or os.environ.get("DATABASE_URL")
    if not url:
        raise error_for(
            "invalid_options",
            "No URL of a database or relay was given",
            field="database_url",
            remedy="pass database_url=, or set DATABASE_URL (`ablo-pg connect` prints one); "
            "or pass base_url= and api_key= of a relay",
        )
    return url


def replication_url_of(given: str | None) -> str | None:
    """Return the given URL, or ABLO_REPLICATION_URL, or None (changes come by LISTEN/NOTIFY)."""
    return given or os.environ.get("ABLO_REPLICATION_URL") or None


def trusted() -> ssl.SSLContext:
    """Return what https trusts: SSL_CERT_FILE, SSL_CERT_DIR, or Mozilla's list. Raises OSError."""
    import certifi  # only for a relay, and loaded with httpcore

    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if folder and not file:
        return ssl.create_default_context(capath=folder)
    return ssl.create_default_context(cafile=file or certifi.where())


_SCHEMES: Final = ("http", "https", "socks5", "socks5h")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the environment variable that names it. Its URL may hold a password."""

    url: str = field(repr=False)
    variable: str


def proxy_of(url: str) -> Proxy | None:
    """Return the proxy that the environment names for a relay's URL; None for loopback addresses.

    Raises invalid_options for an unusable one: otherwise a request would fail later, without naming
    the variable.
    """
    from urllib.request import getproxies  # brings http.client, which only a relay needs

    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    scheme = next((one for one in (parts.scheme, "all") if proxies.get(one)), None)
    if scheme is None or _is_loopback(host) or _is_exempt(host, parts.netloc, proxies.get("no")):
        return None
    found, variable = proxies[scheme].strip(), f"{scheme.upper()}_PROXY"
    kind, mark, place = found.partition("://")
    if not mark:
        kind, place = "http", found
    kind = kind.lower()
    if kind not in _SCHEMES:
        raise _unusable(variable, f"a {kind}:// proxy", "name one of http:// or socks5://")
    if not _is_readable(place):
        raise _unusable(
            variable,
            "a proxy by a URL without a readable host and port",
            "write it as http://user:password@host:3128, with %40 for an @ in the password",
        )
    if kind.startswith("socks") and not (find_spec("socksio") and find_spec("python_socks")):
        raise _unusable(variable, "a SOCKS proxy", "`pip install 'ablo-pg[socks]'`")
    return Proxy(f"{kind}://{place}", variable)


def _is_readable(place: str) -> bool:
    try:
        parts = urlsplit(f"//{place}")
        host = (parts.hostname or "").encode("idna")
        return bool(host) and parts.port != 0 and parts.netloc.count("@") < 2
    except ValueError:
        return False


def _is_exempt(host: str, netloc: str, named: str | None) -> bool:
    """Whether NO_PROXY names a host; `*.domain` and networks too, as curl and Go read it."""
    from urllib.request import proxy_bypass

    if proxy_bypass(netloc.rpartition("@")[2]):
        return True
    for name in (named or "").lower().split(","):
        if name.strip().startswith("*.") and host.endswith(name.strip()[1:]):
            return True
        with suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(name.strip(" []"), strict=False):
                return True
    return False


def _unusable(variable: str, what: str, remedy: str) -> AbloError:
    return error_for(
        "invalid_options",
        f"{variable} names {what}, which cannot be used",
        field="base_url",
        remedy=f"{remedy}, or put the relay's host into NO_PROXY",
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
