"""Requests to a relay: one pool of persistent connections, retries, typed errors.

A request is sent again if its connection broke or the relay could not reach the database, where
that is safe: reads, and writes with an id (a commit's key, a claim's id). A request refused for its
rate is sent again after the time that the relay names.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import quote, unquote, urlsplit

import httpcore
import msgspec

from ablo_pg._version import __version__
from ablo_pg.client.environment import Proxy, proxy_of, trusted
from ablo_pg.client.remote.errors import error_of, unreachable
from ablo_pg.client.remote.slots import Slots
from ablo_pg.db.errors import NO_NAMES, Names
from ablo_pg.errors import AbloConnectionError, AbloError, error_for
from ablo_pg.wire.kernel_bodies import Body
from ablo_pg.wire.kernel_calls import PREFIX, KernelCall
from ablo_pg.wire.relay_url import relay_origin

B = TypeVar("B", bound=Body)
R = TypeVar("R")

# Three tries span about a second; the caller's own deadline ends them sooner.
TRIES: Final = 3
PAUSE: Final = 0.1
# Seconds. To connect; between bytes, longer than a relay takes for an answer. Protects callers
# without a deadline from a relay that is silently lost.
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 35.0
KEPT_SECONDS: Final = 60.0  # shorter than a relay keeps an idle connection
CONNECTIONS: Final = 10
GZIP: Final = b"\x1f\x8b"  # RFC 1952; no JSON begins with it. Proxies compress, relays do not
_BROKEN: Final = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError),
    *(gzip.BadGzipFile, EOFError, zlib.error),
)
_TIMEOUTS: Final = {"connect": CONNECT_SECONDS, "read": READ_SECONDS, "write": READ_SECONDS}
# Extra connections for long requests: bounds how many requests of a program can wait for a row.
LONG_CONNECTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """A relay and a key for it. The key is in no `repr`."""

    base_url: str
    api_key: str = field(repr=False)
    proxy: Proxy | None = None

    @property
    def place(self) -> str:
        """Its address and proxy, for an error."""
        by = f" (through the proxy that {self.proxy.variable} names)" if self.proxy else ""
        return self.base_url + by

    @property
    def headers(self) -> dict[str, str]:
        """The authorization header."""
        return {"authorization": f"Bearer {self.api_key}"}

    @property
    def socket_url(self) -> str:
        """The address of live sockets."""
        return "ws" + self.base_url.removeprefix("http") + "/api/sync/ws"


def relay_address(base_url: str, api_key: str) -> RelayAddress:
    """Return a relay's address and proxy. Raises invalid_options.

    The message contains neither the key nor the URL, which may be a database's, with a password.
    """
    origin, path = relay_origin(base_url, "base_url")
    if not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise error_for(
            "apikey_invalid",
            "The API key contains characters that no key has",
            field="api_key",
            remedy="pass it as it was shown, without spaces or line breaks",
        )
    return RelayAddress(origin + path, api_key, proxy_of(origin))


class RelayHttp:
    """A client of one relay with one key. One event loop; nothing connects before a request.

    names: the author's names for those in errors.
    """

    def __init__(
        self, address: RelayAddress, names: Names = NO_NAMES, connections: int = CONNECTIONS
    ) -> None:
        self.address = address
        self.names = names
        self._connections = connections
        self._slots = Slots(connections)
        self._url = _url_of(address.base_url)
        self._headers = [
            (b"host", _host_of(address.base_url)),
            (b"user-agent", f"ablo_pg/{__version__}".encode()),
            (b"accept-encoding", b"gzip"),
            (b"content-type", b"application/json"),
            *((name.encode(), value.encode()) for name, value in address.headers.items()),
        ]
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._closed = False

    @property
    def _connected(self) -> httpcore.AsyncConnectionPool:
        """The connections; they share the address's proxy and trust."""
        if self._closed:
            raise _closed()
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                self._trusted() if self._url.scheme == b"https" else None,
                _proxy_of(self.address.proxy),
                max_connections=self._connections + LONG_CONNECTIONS,
                max_keepalive_connections=self._connections,
                keepalive_expiry=KEPT_SECONDS,
                network_backend=httpcore.AnyIOBackend(),
            )
        return self._pool

    def _trusted(self) -> ssl.SSLContext:
        try:
            return trusted()
        except OSError as exc:  # files that the environment names
            raise error_for(
                "invalid_options",
                f"The certificates for https cannot be loaded: {exc}",
                field="base_url",
                remedy="check the environment's SSL_CERT_FILE, SSL_CERT_DIR and SSLKEYLOGFILE",
            ) from exc

    async def aclose(self) -> None:
        """Close every connection, permanently."""
        self._closed = True
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose()

    async def ask(self, call: KernelCall[B, R], body: B, *, again: bool = True) -> R:
        """Make a call of the table; see `request`."""
        content = msgspec.json.encode(body)
        again = again and call.retryable
        answer = await self.request("POST", PREFIX + call.name, content, again=again)
        return call.result(answer, self.names)

    async def request(
        self, method: str, path: str, content: bytes | None = None, *, again: bool = True
    ) -> bytes:
        """Send a request; return the body of the answer.

        again: whether it may be sent again if its arrival is unknown. Raises AbloError.
        """
        tries = 0
        while True:
            try:
                return await self._send(method, path, content)
            except AbloConnectionError:
                tries += 1
                if not again or tries == TRIES or self._closed:
                    raise
                await asyncio.sleep(PAUSE * 2 ** (tries - 1))
            except AbloError as exc:
                wait = exc.details.get("retry_after")
                if exc.code != "rate_limit_exceeded" or not isinstance(wait, int | float):
                    raise
                await asyncio.sleep(max(0.01, wait))  # it was refused before anything was done

    async def _send(self, method: str, path: str, content: bytes | None) -> bytes:
        with self._translated():
            async with self._slots.taken():
                answer = await self._connected.request(
                    method,
                    self._at(path),
                    headers=self._headers,
                    content=content,
                    extensions={"timeout": _TIMEOUTS},
                )
            body = answer.content
            if body.startswith(GZIP):
                body = gzip.decompress(body)
        if 200 <= answer.status < 300:
            return body
        raise error_of(answer.status, body, self.names)

    @asynccontextmanager
    async def stream(self, path: str, silent: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer without an end; it breaks after so many seconds of silence."""
        with self._translated():
            async with self._connected.stream(
                "GET",
                self._at(path),
                headers=[one for one in self._headers if one[0] != b"accept-encoding"],
                extensions={"timeout": {**_TIMEOUTS, "read": silent}},
            ) as answer:
                if answer.status != 200:
                    raise error_of(answer.status, await answer.aread(), self.names)
                yield answer.aiter_stream()

    def _at(self, path: str) -> httpcore.URL:
        base = self._url
        target = base.target + path.encode()
        return httpcore.URL(scheme=base.scheme, host=base.host, port=base.port, target=target)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpcore.TimeoutException as exc:
            raise unreachable(self.address.place, "no answer in time") from exc
        except _BROKEN as exc:
            if self._closed:
                raise _closed() from exc
            raise unreachable(self.address.place, str(exc) or type(exc).__name__) from exc


def _url_of(url: str) -> httpcore.URL:
    """Return a URL as it is sent: its host by IDNA, its path percent-encoded."""
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna")
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~")
    return httpcore.URL(scheme=parts.scheme, host=host, port=parts.port, target=path)


def _host_of(url: str) -> bytes:
    """Return the Host header: unlike httpcore's own, an IPv6 address is in brackets."""
    at = _url_of(url)
    host = b"[%b]" % at.host if b":" in at.host else at.host
    return host if at.port is None else b"%b:%d" % (host, at.port)


def _proxy_of(proxy: Proxy | None) -> httpcore.Proxy | None:
    if proxy is None:
        return None
    parts = urlsplit(proxy.url)
    login = (unquote(parts.username or "").encode(), unquote(parts.password or "").encode())
    return httpcore.Proxy(_url_of(proxy.url), login if any(login) else None)


def _closed() -> AbloError:
    return error_for("invalid_options", "The client is closed", remedy="make a new one")
