"""Requests to a relay as they are on the wire, and https: what is trusted, what is refused."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ablo_pg import AbloConnectionError
from ablo_pg.client.remote.http import RelayHttp, relay_address

pytestmark = [pytest.mark.anyio, pytest.mark.smoke]


@asynccontextmanager
async def server(
    body: bytes, secure: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Answer every request with a body; yield the port and the requests, head and body."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:-2])
                sent = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                seen.append(head + sent)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=secure)
    try:
        yield listener.sockets[0].getsockname()[1], seen
    finally:
        listener.close()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[RelayHttp]:
    http = RelayHttp(relay_address(url, "sk_x"))
    try:
        yield http
    finally:
        await http.aclose()


def self_signed(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    name = ["-subj", "/CN=relay", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*made, *name, *files], check=True, capture_output=True)
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(certificate, key)
    return certificate, secure


async def test_a_request_on_the_wire() -> None:
    async with server(b"{}") as (port, seen), client(f"http://127.0.0.1:{port}/ä%20b/api/") as http:
        assert await http.request("POST", "/api/x?y=1", b'{"a":1}') == b"{}"
        assert await http.request("GET", "/api/z") == b"{}"
    first, second = (each.split(b"\r\n") for each in seen)
    assert first[0] == b"POST /%C3%A4%20b/api/x?y=1 HTTP/1.1"
    assert first[-1] == b'{"a":1}'
    assert {
        *(b"host: 127.0.0.1:%d" % port, b"authorization: Bearer sk_x", b"Content-Length: 7"),
        *(b"content-type: application/json", b"accept-encoding: gzip"),
    } <= set(first)
    assert second[0] == b"GET /%C3%A4%20b/api/z HTTP/1.1"
    assert not any(line.lower().startswith(b"content-length") for line in second)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://relay.example", b"relay.example"),
        ("https://[fd00::1]:8443/x", b"[fd00::1]:8443"),
        ("http://bücher.example:80", b"xn--bcher-kva.example:80"),
    ],
)
async def test_the_host_of_a_request(url: str, host: bytes) -> None:
    async with client(url) as http:
        assert (b"host", host) in http._headers


async def test_a_proxy_may_compress_an_answer() -> None:
    whole = gzip.compress(b'{"a":1}')
    async with server(whole) as (port, _), client(f"http://127.0.0.1:{port}") as http:
        assert await http.request("GET", "/") == b'{"a":1}'
    async with server(whole[:-9]) as (port, _), client(f"http://127.0.0.1:{port}") as http:
        with pytest.raises(AbloConnectionError):
            await http.request("GET", "/", again=False)


async def test_https_trusts_what_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And without it not a certificate that a machine has signed for itself."""
    certificate, secure = self_signed(tmp_path)
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    async with server(b"{}", secure) as (port, _):
        async with client(f"https://127.0.0.1:{port}") as http:
            with pytest.raises(AbloConnectionError, match="certificate verify failed"):
                await http.request("GET", "/", again=False)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with client(f"https://127.0.0.1:{port}") as http:
            assert await http.request("GET", "/", again=False) == b"{}"
        async with client(f"https://localhost:{port}") as http:
            with pytest.raises(AbloConnectionError, match="certificate"):
                await http.request("GET", "/", again=False)
