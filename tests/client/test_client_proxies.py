"""Proxies in the environment: one that serves is used, one that cannot is named at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest

from ablo_pg import AbloConnectionError, AbloValidationError, AsyncAblo
from ablo_pg.client.environment import proxy_of

from .conftest import SCHEMA, MakeClient

SECRET = "s3cr3t"


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("HTTPS_PROXY", "http://proxy:3128", "http://proxy:3128"),
        ("https_proxy", "proxy:3128", "http://proxy:3128"),
        ("ALL_PROXY", "http://proxy:3128", "http://proxy:3128"),
        ("HTTP_PROXY", "http://proxy:3128", None),  # of another scheme
    ],
)
def test_the_environment_names_a_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, found: str | None
) -> None:
    monkeypatch.setenv(variable, value)
    proxy = proxy_of("https://relay.example:8443")
    assert (proxy and proxy.url) == found
    for exempt in ("relay.example", ".example", "*", "other, relay.example:8443"):
        monkeypatch.setenv("NO_PROXY", exempt)
        assert proxy_of("https://relay.example:8443") is None


def test_a_loopback_address_is_never_proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://proxy:1080")  # as a desktop sets it
    for host in ("127.0.0.1", "localhost", "[::1]", "127.8.8.8:1"):
        assert proxy_of(f"http://{host}") is None


@pytest.mark.parametrize(
    ("host", "exempt", "proxied"),
    [
        ("10.1.2.3", "10.0.0.0/8", False),
        ("11.1.2.3", "localhost, 10.0.0.0/8", True),
        ("10.1.2.3:8443", "x,10.1.2.3/8", False),
        ("[fd00::1]:8443", "fd00::1", False),
        ("[fd00::1]", "10.0.0.0/8, [fd00::]/8", True),
        ("[fd00::1]", "fd00::/8", False),
        ("relay.example", "*.example", False),
        ("relay.example", "*.elsewhere", True),
    ],
)
def test_no_proxy_is_read_as_other_clients_read_it(
    monkeypatch: pytest.MonkeyPatch, host: str, exempt: str, proxied: bool
) -> None:
    monkeypatch.setenv("ALL_PROXY", " HTTP://proxy:3128 ")
    monkeypatch.setenv("NO_PROXY", exempt)
    proxy = proxy_of(f"https://{host}")
    assert (proxy and proxy.url) == ("http://proxy:3128" if proxied else None)


@pytest.mark.anyio
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSLKEYLOGFILE"])
async def test_files_for_https_that_are_not_there_are_named(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/no/such/file")
    async with AsyncAblo(schema=SCHEMA, base_url="https://relay.example", api_key="sk_x") as ablo:
        with pytest.raises(AbloValidationError) as caught:
            await ablo.tasks.list(timeout=5)
    assert variable in (caught.value.remedy or "")


UNUSABLE = (
    *(f"socks://u:{SECRET}@h:1", f"socks4://u:{SECRET}@h", "x://h", f"http://u:{SECRET}@h:port"),
    *(f"http://u:{SECRET}/x@h:1", f"u:{SECRET}@x@h:1", f"socks5://u:{SECRET}@", "http://h:0"),
)


@pytest.mark.parametrize("value", UNUSABLE)
def test_a_proxy_that_cannot_be_used_is_named_at_once(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(AbloValidationError) as caught:
        AsyncAblo(schema=SCHEMA, base_url="https://relay.example", api_key="sk_x")
    assert "ALL_PROXY" in caught.value.message
    assert "NO_PROXY" in (caught.value.remedy or "")
    assert SECRET not in str(caught.value)


def test_a_socks_proxy_without_its_extra_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://h:1080")
    monkeypatch.setattr("ablo_pg.client.environment.find_spec", lambda name: None)
    with pytest.raises(AbloValidationError) as caught:
        proxy_of("https://relay.example")
    assert "ablo-pg[socks]" in (caught.value.remedy or "")


@pytest.mark.anyio
async def test_a_proxy_that_is_down_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://u:{SECRET}@127.0.0.1:9")
    async with AsyncAblo(schema=SCHEMA, base_url="http://relay.example", api_key="sk_x") as ablo:
        with pytest.raises(AbloConnectionError) as caught:
            await ablo.tasks.list(timeout=5)
        assert "HTTP_PROXY" in caught.value.message
        assert SECRET not in str(caught.value)


@pytest.mark.anyio
@pytest.mark.relay("is about the way to a relay")
@pytest.mark.parametrize("kind", ["http", "socks5h"])
async def test_calls_and_streams_go_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, make_client: MakeClient, place: Any, kind: str
) -> None:
    """The proxy knows where `relay.example` is; nothing else does."""
    options = place()
    port = int(options["base_url"].rpartition(":")[2])
    if kind == "socks5h":
        pytest.importorskip("socksio")
        pytest.importorskip("python_socks")
    async with proxy(port, http_tunnel if kind == "http" else socks5) as (proxy_port, seen):
        monkeypatch.setenv("ALL_PROXY", f"{kind}://127.0.0.1:{proxy_port}")
        ablo = make_client(base_url=f"http://relay.example:{port}")
        async with ablo.tasks.subscribe() as changes:
            await ablo.tasks.create({"title": "through"})
            with anyio.fail_after(30):
                assert (await anext(changes)).row.title == "through"
        assert ablo.reader_status.kind == "socket"
        assert len(seen) >= 2
        await ablo.close()


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def proxy(
    target: int, begin: Callable[[Pair, Pair], Awaitable[None]]
) -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy that leads to one port here, whatever host it is asked for."""
    seen: list[str] = []
    tasks: set[asyncio.Task[None]] = set()

    async def serve(*client: Any) -> None:
        tasks.add(asyncio.current_task())  # type: ignore[arg-type]
        seen.append("connection")
        server = await asyncio.open_connection("127.0.0.1", target)
        try:
            await begin(client, server)
            await asyncio.gather(pump(client[0], server[1]), pump(server[0], client[1]))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            server[1].close()
            client[1].close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1], seen
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
    sink.write_eof()


async def http_tunnel(client: Pair, server: Pair) -> None:
    """RFC 9110, 9.3.6 (CONNECT), and 7.1 (a request in absolute form) for plain HTTP."""
    head = await client[0].readuntil(b"\r\n\r\n")
    if head.startswith(b"CONNECT"):
        client[1].write(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        server[1].write(head)


async def socks5(client: Pair, server: Pair) -> None:
    """RFC 1928: no authentication, CONNECT."""
    _, count = await client[0].readexactly(2)
    await client[0].readexactly(count)
    client[1].write(b"\x05\x00")
    kind = (await client[0].readexactly(4))[3]
    length = {1: 4, 4: 16}.get(kind) or (await client[0].readexactly(1))[0]
    await client[0].readexactly(length + 2)
    client[1].write(b"\x05\x00\x00\x01" + bytes(6))
