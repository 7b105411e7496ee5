"""A proxy on the loopback between agents and Postgres, whose connections can be cut or hang.

It stands in for a network: TCP on one side, the server's own socket on the other.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Final, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK: Final = 65536


class Proxy:
    """Forwards bytes between `url` and the server until told otherwise."""

    def __init__(self, target_url: str) -> None:
        self._parameters = conninfo_to_dict(target_url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.accepted = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.resume()
        self.cut()

    @property
    def url(self) -> str:
        """The same database and login, through the proxy."""
        port = self._listener.getsockname()[1]
        changed = self._parameters | {"host": "127.0.0.1", "port": port, "sslmode": "disable"}
        return make_conninfo(**changed | {"gssencmode": "disable"})

    def cut(self) -> int:
        """End every connection at once, as a broken network does; return how many there were."""
        with self._lock:
            ended = list(self._open)
        for end in ended:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        return len(ended) // 2

    def hang(self) -> None:
        """Hold back all bytes, both ways, without ending anything."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let what was held back through: late writes arrive."""
        self._flowing.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                server = self._connect()
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open |= {client, server}
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = self._parameters["host"], int(self._parameters.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))  # type: ignore[arg-type]
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK):
                self._flowing.wait()
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(source)
        source.close()
