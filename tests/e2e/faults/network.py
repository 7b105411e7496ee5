"""Networks that break: between clients and a relay, and between a relay and its database."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ablo_pg.testing import DatabaseHandle

from ..coordination.proxy import CHUNK, Proxy
from .relays import RelayProcess

# The server gives a silent reader up after this, and the reader the server.
SENDER_TIMEOUT = "-c wal_sender_timeout=2s"


class Lossy(Proxy):
    """A proxy that can forget its connections: what is sent into them is swallowed for good."""

    def __init__(self, target_url: str) -> None:
        super().__init__(target_url)
        self._lost: set[socket.socket] = set()
        self.refusing = False

    def lose(self) -> int:
        """Carry nothing of the present connections any more and tell nobody; new ones work."""
        with self._lock:
            self._lost |= self._open
            return len(self._lost) // 2

    def _connect(self) -> socket.socket:
        if self.refusing:
            raise ConnectionRefusedError
        return super()._connect()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                if source not in self._lost:
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
            self._lost.discard(source)
        source.close()


class Network:
    """Proxies between the parts of a trial."""

    def __init__(self) -> None:
        self.proxies: list[Lossy] = []
        self._made = ExitStack()

    def close(self) -> None:
        """End them."""
        self._made.close()

    def through(self, relay: RelayProcess) -> str:
        """Put a proxy before a relay; return the door to it."""
        proxy = self._before(make_conninfo(host="127.0.0.1", port=relay.port))
        port = conninfo_to_dict(proxy.url)["port"]
        return f"http://127.0.0.1:{port}"

    def to_server(self, db: DatabaseHandle) -> DatabaseHandle:
        """Put proxies before both logins of a database; return the way through them."""
        streaming = make_conninfo(self._before(db.replication_url).url, options=SENDER_TIMEOUT)
        serving = self._before(db.database_url).url
        return replace(db, database_url=serving, replication_url=streaming)

    def cut(self) -> int:
        """End every connection; return how many there were."""
        return sum(proxy.cut() for proxy in self.proxies)

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """While the block runs, nobody comes through anew: a quick one would, between two cuts."""
        for proxy in self.proxies:
            proxy.refusing = True
        try:
            yield
        finally:
            for proxy in self.proxies:
                proxy.refusing = False

    def lose(self) -> int:
        """See Lossy."""
        return sum(proxy.lose() for proxy in self.proxies)

    def hang(self) -> None:
        """Hold everything back."""
        for proxy in self.proxies:
            proxy.hang()

    def resume(self) -> None:
        """Let what was held back through."""
        for proxy in self.proxies:
            proxy.resume()

    def _before(self, url: str) -> Lossy:
        proxy = Lossy(url)
        self.proxies.append(self._made.enter_context(proxy))
        return proxy
